"""The command line: fast help, the version, the output and exit codes of its verbs."""

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

import faceseg
from pipelines.cli import commands
from pipelines.config import Experiment, load
from pipelines.studies.experiment import write_experiment
from tests.pipelines.cli.conftest import RunCommand

HEAVY = (
    *("tensorflow", "keras", "ray", "mlflow", "optuna", "pandas", "matplotlib", "cv2"),
    *("webbrowser", "urllib.request"),
)


@pytest.mark.parametrize("arguments", [["--help"], ["study", "--help"], []], ids=str)
def test_help_loads_no_framework(arguments: list[str], tmp_path: Path):
    """In a subprocess, because this process has imported them already."""
    code = (
        "import sys; from pipelines.cli.commands import main\n"
        "try: main()\n"
        f"finally: print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Usage" in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    assert list(tmp_path.iterdir()) == []


def test_a_driver_loads_no_framework():
    """Only workers train. The driver's node may be small, and the study starts seconds earlier."""
    code = (
        "import sys, pipelines.studies.study, pipelines.search.driver\n"
        "import pipelines.serve.server, pipelines.serve.served_model, pipelines.models.loading\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_lists_every_verb(command: RunCommand):
    code, out, _ = command("--help")
    assert code == 0
    for verb in ("study", "prepare", "train", "compare", "ui", "submit", "jobs", "doctor"):
        assert verb in out


def test_help_lists_the_verbs_in_the_order_of_a_study(command: RunCommand):
    _, out, _ = command("--help")
    verbs = ["study", "prepare", "train", "audit", "tune-machine", "compare", "judge", "ui"]
    verbs += [
        "convert",
        "init",
        "schema",
        "status",
        "clean",
        "submit",
        "jobs",
        "doctor",
        "promote",
        "rollback",
        "models",
        "predict",
        "serve",
        "demo",
        "export",
    ]
    assert re.findall(r"^│ ([a-z-]+) ", out.partition("Commands")[2], re.MULTILINE) == verbs


def test_the_version_is_that_of_the_package(command: RunCommand):
    assert command("--version") == (0, f"faceseg {version('faceseg')}\n", "")
    assert version("faceseg") == faceseg.__version__


def test_verbose_sets_the_level_of_the_log(command: RunCommand):
    assert command("--verbose", "study", "--help")[0] == 0
    assert os.environ["FACESEG_LOG"] == "DEBUG"


def test_an_experiment_may_be_given_by_name(command: RunCommand):
    few = [f"--set=data.drawn.{split}=2" for split in ("train", "val", "test")]
    code, out, err = command("prepare", "quickstart", *few, "--set=data.drawn.size=32")
    assert code == 0, err
    assert "images: 2 train, 2 val, 2 test at 64x64" in out


def test_prepare_packs_once_and_prints_the_folder(command: RunCommand, tiny: Path):
    code, out, _ = command("prepare", str(tiny))
    assert code == 0
    assert "images: 4 train, 2 val, 2 test at 32x32, 11 classes" in out
    (packed,) = (line for line in out.splitlines() if line.startswith("packed in "))
    manifest = Path(packed.removeprefix("packed in ")) / "manifest.json"
    made = manifest.stat().st_mtime_ns
    assert command("prepare", str(tiny))[0] == 0
    assert manifest.stat().st_mtime_ns == made


def test_a_failed_training_exits_with_1(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    failed = SimpleNamespace(best_iou=None, failure="the loss is not finite at step 3")
    monkeypatch.setattr("pipelines.studies.single_training.run", lambda *arguments: failed)
    code, _, err = command("train", str(tiny), "unet")
    assert code == 1
    assert err == "failed: the loss is not finite at step 3\n"


def test_ctrl_c_prints_how_to_resume(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.data.prepare.prepare", interrupted)
    code, _, err = command("prepare", str(tiny))
    assert code == 130
    assert "re-run the same command to resume" in err


def test_ctrl_c_of_a_verb_that_starts_over_does_not_mention_resuming(
    command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.data.convert.convert_annotations", interrupted)
    code, _, err = command("convert", str(tmp_path), "--from", "coco", "--to", str(tmp_path / "a"))
    assert (code, err) == (130, "stopped\n")


def test_a_printed_command_repeats_what_was_typed(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    trained = SimpleNamespace(best_iou=0.5)
    monkeypatch.setattr("pipelines.studies.single_training.run", lambda *arguments: trained)
    typed = ["--set", "storage=my results", "--set", "data.image_size=[64, 64]"]
    _, out, _ = command("train", str(tiny), "unet", *typed)
    copied = out.partition("curves: ")[2].strip()
    assert shlex.split(copied) == ["faceseg", "ui", str(tiny), *typed]
    code, _, err = command(*shlex.split(copied)[1:])
    assert code == 2
    again = re.search("run `(.*)` first", err)
    assert again
    assert shlex.split(again[1]) == ["faceseg", "study", str(tiny), *typed]


@pytest.mark.parametrize("typed", [(), ("name=mine", "storage=my results")])
def test_a_study_with_overrides_prints_the_file_that_it_wrote(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
):
    def run(experiment: Experiment, _: object) -> Path:
        write_experiment(experiment)
        return experiment.storage / experiment.name

    monkeypatch.setattr("pipelines.studies.study.run", run)
    words = [word for each in typed for word in ("--set", each)]
    code, out, err = command("study", str(tiny), *words)
    assert code == 0, err
    (curves,) = re.findall("^curves: (.*)$", out, re.MULTILINE)
    _, verb, file = shlex.split(curves)
    assert (verb, file) == ("ui", "my results/mine/experiment.yaml" if typed else str(tiny))
    assert load(Path(file)) == load(tiny, typed)


def test_the_address_of_a_server_is_printed_without_its_password(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    trained = SimpleNamespace(best_iou=0.5)
    monkeypatch.setattr("pipelines.studies.single_training.run", lambda *arguments: trained)
    uri = "tracking.uri=http://me:ge/heim@host:5000"
    code, out, _ = command("train", str(tiny), "unet", "--set", uri)
    assert (code, out) == (0, "best val IoU: 0.5000\ncurves: http://me:***@host:5000\n")


def test_the_traceback_of_a_defect_contains_no_password(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        commands._exit_with_error(ValueError("http://me:geheim@host:5000"))
    assert "ValueError: http://me:***@host:5000\n" in capsys.readouterr().err
