"""`faceseg init`: the experiment that it writes for a folder, and what it reports."""

import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from faceseg.data.classes import LAPA
from pipelines.config import load
from pipelines.config.json_schema import SCHEMA_FILE
from pipelines.new_experiment.folder import choose_classes, class_set
from pipelines.new_experiment.proposal import choose_epochs, choose_size
from tests.pipelines.conftest import RunFaceseg

COUNTS = {"train": 3, "val": 2, "test": 2}


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven photographs of 80 x 70 pixels with LaPa's ids, beside the current folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return write_folder(tmp_path / "My faces", ids=11)


def write_folder(folder: Path, ids: int, labels: str = "labels") -> Path:
    rng = np.random.default_rng(3)
    for split, count in COUNTS.items():
        for kind in ("images", labels):
            (folder / split / kind).mkdir(parents=True)
        for number in range(count):
            image = rng.integers(0, 256, (70, 80, 3), dtype=np.uint8)
            Image.fromarray(image).save(folder / split / "images" / f"{number}.png")
            mask = np.repeat(np.arange(70, dtype=np.uint8) % ids, 80).reshape(70, 80)
            Image.fromarray(mask).save(folder / split / labels / f"{number}.png")
    return folder


def test_an_experiment_suits_its_folder(photographs: Path, run_faceseg: RunFaceseg):
    code, out = run_faceseg("init", photographs, "--no-gpu")
    assert code == 0, out
    assert "classes: LaPa's; if the ids mean others" in out
    assert out.endswith("  faceseg prepare my-faces.yaml\n  faceseg study my-faces.yaml\n")
    text = Path("my-faces.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=experiment.schema.json"
    assert Path(SCHEMA_FILE).is_file()
    for line, word in zip(
        lines[1:6], ("Purpose", "Command", "Hardware", "Time", "Measured"), strict=True
    ):
        assert line.startswith(f"# {word}:")
    experiment = load(Path("my-faces.yaml"))
    assert (experiment.name, experiment.data.path) == ("my-faces", photographs)
    assert experiment.data.image_size == (64, 64)  # the shorter side is 70
    assert experiment.data.class_set == LAPA
    assert experiment.search.space.batch_size.choices == (2, 4)
    assert (experiment.robustness.trial_images, experiment.robustness.final_images) == (2, 2)
    assert experiment.resources.gpus == 0
    code, out = run_faceseg("prepare", "my-faces.yaml")
    assert code == 0, out
    assert "images: 3 train, 2 val, 2 test at 64x64, 11 classes" in out


def test_every_choice_has_an_option(photographs: Path, run_faceseg: RunFaceseg):
    folder = write_folder(photographs.parent / "others", ids=5, labels="masks")
    words = ("--labels=masks", "--classes=background,skin,hair,left_eye,right_eye", "--size=96")
    more = ("--epochs=7", "--trials=2", "--encoder-weights=none", "--gpu", "--name=Mine.2")
    code, out = run_faceseg("init", folder, *words, *more)
    assert code == 0, out
    experiment = load(Path("Mine.2.yaml"))
    assert experiment.data.class_set.eyes == (3, 4)
    assert experiment.data.class_set.pairs == ((3, 4),)
    assert (experiment.data.class_set.face, experiment.data.class_set.hair) == ((1, 3, 4), 2)
    assert (experiment.data.labels, experiment.data.image_size) == ("masks", (96, 96))
    assert (experiment.training.epochs, experiment.finals.epochs) == (4, 7)
    assert experiment.search.trials == 2
    assert experiment.architectures["unet"].encoder_weights == "none"
    assert experiment.resources.gpus == 0.5
    code, out = run_faceseg("init", folder, *words, "--name=Mine.2")
    assert (code, out) == (
        2, "error: Mine.2.yaml exists; give another --name, or --overwrite to replace it\n"
    )  # fmt: skip


def test_bad_pairs_are_listed_and_the_experiment_is_written(
    photographs: Path, run_faceseg: RunFaceseg
):
    (photographs / "train" / "labels" / "1.png").write_bytes(b"")
    code, out = run_faceseg("init", photographs)
    assert code == 0
    assert "cannot be used: train/labels/1.png: empty file (0 bytes)" in out
    assert "1 pairs cannot be used: correct them, or set data.on_bad to skip" in out
    assert yaml.safe_load(Path("my-faces.yaml").read_text("utf-8"))["data"]["on_bad"] == "stop"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "the data folder nowhere does not exist; expected nowhere/{train,val,test}"),
        (("--name=con",), "--name: 'con' is a device on Windows"),
        (("--name=a", "--size=100"), "image_size [100, 100]: both must be multiples of 32"),
    ],
)
def test_a_wrong_answer_ends_in_one_paragraph(
    words: tuple[str, ...], message: str, photographs: Path, run_faceseg: RunFaceseg
):
    code, out = run_faceseg("init", *words)
    assert code == 2
    assert message in out
    assert list(Path().iterdir()) == []


def test_without_a_folder_faces_are_drawn(photographs: Path, run_faceseg: RunFaceseg):
    assert run_faceseg("init")[0] == 0
    assert load(Path("drawn.yaml")).data.source == "drawn"


class Terminal(io.StringIO):
    """The input of a person at a terminal."""

    def isatty(self) -> bool:
        return True


def test_in_a_terminal_the_folder_and_the_name_are_asked(
    photographs: Path, run_faceseg: RunFaceseg, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", Terminal(f"{photographs}\nasked\n"))
    code, out = run_faceseg("init")
    assert code == 0
    assert out.startswith("folder of photographs (empty: drawn faces): ")
    assert load(Path("asked.yaml")).data.path == photographs


def test_ids_beyond_lapas_get_names_without_a_meaning():
    assert choose_classes({0, 1, 10}) == LAPA
    assert choose_classes({0, 12}).names[:3] == ("background", "class-1", "class-2")
    assert len(choose_classes({0, 12})) == 13


def test_the_roles_of_classes_follow_from_their_names():
    """CelebAMask-HQ's names: glasses are no eye, an ear is no part of the face."""
    found = class_set(
        ["background", "skin", "l_brow", "eye_glasses", "eyes", "ear", "mouth", "hair"]
    )
    assert (found.eyes, found.small, found.face) == ((4,), (2, 3, 4, 6), (1, 2, 3, 4, 6))
    assert (found.skin, found.hair, found.pairs) == (1, 7, ())
    assert len(set(found.palette)) == 8


def test_sizes_and_lengths():
    assert [choose_size(side, gpu=False) for side in (20, 70, 256, 900)] == [32, 64, 128, 128]
    assert choose_size(900, gpu=True) == 256
    assert [choose_epochs(train) for train in (10, 80, 1000, 20_000)] == [60, 38, 8, 8]


def test_a_folder_of_another_format_is_referred_to_convert(
    photographs: Path, run_faceseg: RunFaceseg
):
    (photographs / "other/annotations").mkdir(parents=True)
    code, out = run_faceseg("init", photographs / "other")
    assert code == 2
    assert "`faceseg convert`" in out
