"""The command line's manners: quick to help, and one paragraph for a mistake."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipelines.cli import commands

HEAVY = ("tensorflow", "keras", "ray", "mlflow", "optuna", "pandas", "matplotlib", "cv2")
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Say]:
    """Run `faceseg ARGUMENTS` in this process, in an empty folder; return code and words."""
    before = dict(os.environ)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["faceseg", *arguments])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out, said.err

    heeded = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, heeded)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """An experiment on eight drawn faces."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "data: {image_size: [32, 32], drawn: {train: 4, val: 2, test: 2, size: 32}}\n"
        "architectures: {unet: {}, segnet: {}}\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("arguments", [["--help"], ["study", "--help"], []], ids=str)
def test_help_loads_no_framework(arguments: list[str], tmp_path: Path):
    """In a process of its own: this one has loaded them long ago."""
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
    """Its node may be small, and a study begins seconds earlier: workers alone train."""
    code = (
        "import sys, pipelines.studies.study, pipelines.search.driver\n"
        "import pipelines.serve.server, pipelines.serve.served_model, pipelines.models.loading\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_verb_says_what_it_does(say: Say):
    code, out, _ = say("--help")
    assert code == 0
    for verb in ("study", "prepare", "train", "compare", "ui", "submit", "jobs", "doctor"):
        assert verb in out


MISTAKES = {
    "no such experiment": (["study", "nothing.yaml"], "there is no experiment file nothing.yaml"),
    "unknown key": (["study", "TINY", "--set", "search.trails=3"], "did you mean 'trials'?"),
    "a Python tag": (
        ["study", "TINY", "--set", "seed=!!python/object/apply:os.getcwd []"],
        "is not plain YAML",
    ),
    "no value": (["study", "TINY", "--set", "search.trials"], "--set takes KEY=VALUE"),
    "not in the experiment": (
        ["train", "TINY", "pspnet"],
        "'pspnet' is not among this experiment's architectures: unet, segnet",
    ),
    "no folder": (
        ["study", "TINY", "--set", "data.source=directory", "--set", "data.path=/no/faces"],
        "/no/faces",
    ),
    "no such kind": (
        ["study", "TINY", "--set", "robustness.kinds=[blob, sunglasses]"],
        "robustness.kinds: sunglasses cannot be drawn on this class set; possible are ",
    ),
    "no weights": (
        ["study", "TINY", "--set", "architectures.unet.encoder_weights=/no/weights.h5"],
        "architectures.unet.encoder_weights: there is no file /no/weights.h5; expected imagenet",
    ),
    "weights for a VGG": (
        ["train", "TINY", "segnet", "--set", "architectures.segnet.encoder_weights=/no/w.h5"],
        "/no/w.h5",
    ),
    "no place": (["study", "TINY", "--set", "storage=/proc/results"], "storage /proc/results"),
    "no cluster": (["submit", "TINY", "--set", "storage=/shared"], "lies outside of the working"),
    "no address": (["jobs"], "--address: expected the address of Ray's dashboard"),
    "a password in a job": (
        ["submit", "TINY", "--set", "tracking.uri=http://me:geheim@host"],
        "--set tracking.uri=… holds a password",
    ),
    "nothing to compare": (["compare", "TINY"], "results holds no runs yet; run `faceseg study"),
    "nothing to show": (["ui", "TINY"], "results holds no runs yet; run `faceseg study"),
    "a server has its own pages": (
        ["ui", "TINY", "--set", "tracking.uri=http://host:5000"],
        "already has pages: http://host:5000",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_a_paragraph_and_leaves_nothing(name: str, say: Say, tiny: Path):
    arguments, words = MISTAKES[name]
    code, out, err = say(*(str(tiny) if each == "TINY" else each for each in arguments))
    assert code == 2, err
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in out + err
    left = [path for path in Path.cwd().rglob("*") if path.is_file()]
    assert left == []


def test_a_file_with_a_python_tag_is_refused(say: Say, tmp_path: Path):
    trace = tmp_path / "attacked"
    attack = tmp_path / "attack.yaml"
    attack.write_text(f"seed: !!python/object/apply:os.mkdir [{trace}]\n", encoding="utf-8")
    for verb in ("study", "submit", "doctor"):
        code, _, err = say(verb, str(attack))
        assert code == 2
        assert "is not plain YAML" in err or "lies outside" in err
    assert not trace.exists()


def test_eyes_that_a_class_set_lacks_cannot_be_covered(say: Say, tiny: Path):
    own = "{names: [back, skin], palette: [[0, 0, 0], [9, 9, 9]], face: [1]}"
    code, _, err = say("study", str(tiny), "--set", f"data.classes={own}")
    assert code == 2
    assert "robustness.kinds: eye_band cannot be drawn on this class set" in err


def test_every_bad_pair_is_told_before_anything_is_made(say: Say, tiny: Path, lapa_folder: Path):
    (lapa_folder / "train" / "labels" / "train0.png").unlink()
    Image.new("RGB", (40, 32), "red").save(lapa_folder / "val" / "labels" / "val1.png")
    wide = np.full((32, 40), 99, dtype=np.uint8)
    Image.fromarray(wide).save(lapa_folder / "test" / "labels" / "test1.png")
    code, _, err = say(
        *("study", str(tiny), "--set", "data.source=directory"),
        *("--set", f"data.path={lapa_folder}"),
    )
    assert code == 2
    for file in ("train0", "val1.png", "test1.png"):
        assert file in err
    assert [
        path for path in Path.cwd().rglob("*") if path.is_file() and path.suffix != ".lock"
    ] == []


def test_a_split_that_is_missing_is_named(say: Say, tiny: Path, lapa_folder: Path):
    (lapa_folder / "val").rename(lapa_folder / "validation-of-mine")
    code, _, err = say(
        *("prepare", str(tiny), "--set", "data.source=directory"),
        *("--set", f"data.path={lapa_folder}"),
    )
    assert code == 2
    assert "val" in err


def test_prepare_packs_once_and_says_where(say: Say, tiny: Path):
    code, out, _ = say("prepare", str(tiny))
    assert code == 0
    assert "images: 4 train, 2 val, 2 test at 32x32, 11 classes" in out
    (packed,) = (line for line in out.splitlines() if line.startswith("packed in "))
    manifest = Path(packed.removeprefix("packed in ")) / "manifest.json"
    made = manifest.stat().st_mtime_ns
    assert say("prepare", str(tiny))[0] == 0
    assert manifest.stat().st_mtime_ns == made


def test_a_word_that_is_no_verb_is_refused(say: Say):
    code, _, err = say("studdy")
    assert code == 2
    assert "studdy" in err


def test_a_training_that_failed_is_no_success(
    say: Say, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    failed = SimpleNamespace(value=None, reason="the loss is not finite at step 3")
    monkeypatch.setattr("pipelines.studies.single_training.run", lambda *arguments: failed)
    code, _, err = say("train", str(tiny), "unet")
    assert code == 1
    assert err == "failed: the loss is not finite at step 3\n"


def test_ctrl_c_says_how_to_go_on(say: Say, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.data.prepare.prepare", interrupted)
    code, _, err = say("prepare", str(tiny))
    assert code == 130
    assert "the same command goes on from here" in err
