"""User errors of the command line: one paragraph, exit code 2, and no results."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipelines.cli.conftest import RunCommand


def files() -> list[Path]:
    """Return the files in the working directory, without locks and the study's log."""
    found = [path for path in Path.cwd().rglob("*") if path.is_file()]
    return [path for path in found if path.suffix not in (".lock", ".log")]


USER_ERRORS = {
    "no such experiment": (["study", "nothing.yaml"], "there is no experiment file nothing.yaml"),
    "no such name": (["study", "quikstart"], "given by name: drawn-parser, facesynth, "),
    "unknown key": (["study", "TINY", "--set", "search.trails=3"], "did you mean 'trials'?"),
    "a Python tag": (
        ["study", "TINY", "--set", "seed=!!python/object/apply:os.getcwd []"],
        "is not plain YAML",
    ),
    "no value": (["study", "TINY", "--set", "search.trials"], "--set requires KEY=VALUE"),
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
        "robustness.kinds: sunglasses cannot be drawn on this class set; possible kinds: ",
    ),
    "no weights": (
        ["study", "TINY", "--set", "architectures.unet.encoder_weights=/no/weights.h5"],
        "architectures.unet.encoder_weights: there is no file /no/weights.h5; expected imagenet",
    ),
    "weights for a VGG": (
        ["train", "TINY", "segnet", "--set", "architectures.segnet.encoder_weights=/no/w.h5"],
        "/no/w.h5",
    ),
    "no storage": (["study", "TINY", "--set", "storage=/proc/results"], "storage /proc/results"),
    "no cluster": (["submit", "TINY", "--set", "storage=/shared"], "is outside the working"),
    "no address": (["jobs"], "--address: expected the address of Ray's dashboard"),
    "a password in a job": (
        ["submit", "TINY", "--set", "tracking.uri=http://me:geheim@host"],
        "--set tracking.uri=… contains a password",
    ),
    "nothing to compare": (["compare", "TINY"], "results contains no runs yet; run `faceseg study"),
    "nothing to show": (["ui", "TINY"], "results contains no runs yet; run `faceseg study"),
    "the pages of a server with a password": (
        ["ui", "TINY", "--set", "tracking.uri=http://me:geheim@host:5000"],
        "on an MLflow server with its own web pages: http://me:***@host:5000",
    ),
    "the pages of a server": (
        ["ui", "TINY", "--set", "tracking.uri=http://host:5000"],
        "on an MLflow server with its own web pages: http://host:5000",
    ),
}


@pytest.mark.parametrize("name", USER_ERRORS)
def test_a_user_error_prints_one_paragraph_and_writes_no_results(
    name: str, command: RunCommand, tiny: Path
):
    arguments, words = USER_ERRORS[name]
    code, out, err = command(*(str(tiny) if each == "TINY" else each for each in arguments))
    assert code == 2, err
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in out + err
    assert files() == []


def test_a_file_with_a_python_tag_is_refused(command: RunCommand, tmp_path: Path):
    trace = tmp_path / "attacked"
    attack = tmp_path / "attack.yaml"
    attack.write_text(f"seed: !!python/object/apply:os.mkdir [{trace}]\n", encoding="utf-8")
    for verb in ("study", "submit", "doctor"):
        code, _, err = command(verb, str(attack))
        assert code == 2
        assert "is not plain YAML" in err or "is outside" in err
    assert not trace.exists()


def test_eyes_that_a_class_set_lacks_cannot_be_occluded(command: RunCommand, tiny: Path):
    own = "{names: [back, skin], palette: [[0, 0, 0], [9, 9, 9]], face: [1]}"
    code, _, err = command("study", str(tiny), "--set", f"data.classes={own}")
    assert code == 2
    assert "robustness.kinds: eye_band cannot be drawn on this class set" in err


def test_all_bad_pairs_are_listed_before_anything_is_written(
    command: RunCommand, tiny: Path, lapa_folder: Path
):
    (lapa_folder / "train" / "labels" / "train0.png").unlink()
    Image.new("RGB", (40, 32), "red").save(lapa_folder / "val" / "labels" / "val1.png")
    wide = np.full((32, 40), 99, dtype=np.uint8)
    Image.fromarray(wide).save(lapa_folder / "test" / "labels" / "test1.png")
    code, _, err = command(
        *("study", str(tiny), "--set", "data.source=directory"),
        *("--set", f"data.path={lapa_folder}"),
    )
    assert code == 2
    for file in ("train0", "val1.png", "test1.png"):
        assert file in err
    assert files() == []


@pytest.mark.parametrize(
    "verb", [("prepare",), ("study",), ("train", "unet"), ("audit",)], ids=" ".join
)
def test_masks_of_0_and_255_end_every_verb_that_would_train_on_them(
    verb: tuple[str, ...], command: RunCommand, tiny: Path, lapa_folder: Path
):
    for file in lapa_folder.glob("*/labels/*.png"):
        mask = 255 * (np.asarray(Image.open(file)) == 1)
        Image.fromarray(mask.astype(np.uint8)).save(file)
    name, *rest = verb
    code, out, err = command(
        *(name, str(tiny), *rest, "--set", "data.source=directory"),
        *("--set", f"data.path={lapa_folder}"),
    )
    assert code == 2, out + err
    assert "are these masks of 0 and 255?" in err
    assert "Traceback" not in out + err
    assert not list(Path.cwd().rglob("*.npy"))


def test_a_missing_split_is_named(command: RunCommand, tiny: Path, lapa_folder: Path):
    (lapa_folder / "val").rename(lapa_folder / "validation-of-mine")
    code, _, err = command(
        *("prepare", str(tiny), "--set", "data.source=directory"),
        *("--set", f"data.path={lapa_folder}"),
    )
    assert code == 2
    assert "val" in err


@pytest.mark.parametrize(
    "option", ["--max-megabytes=nan", "--timeout=inf", "--gpus=nan", "--cpus=1000000000"]
)
def test_a_limit_of_a_server_must_be_a_possible_number(command: RunCommand, option: str):
    code, _, err = command("serve", "models:/faceseg@champion", option)
    assert code == 2
    assert option.partition("=")[0] in err


def test_an_unknown_verb_is_refused(command: RunCommand):
    code, _, err = command("studdy")
    assert code == 2
    assert "studdy" in err
