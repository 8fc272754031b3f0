"""`faceseg convert`: the folder that it writes, its record, and what it refuses."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from faceseg.data.class_sets import CELEBAMASK19
from faceseg.data.classes import LAPA
from faceseg.data.formats import conversion
from faceseg.data.lapa import LapaFolder
from pipelines.config import Experiment, load
from pipelines.data.prepare import prepare
from pipelines.registry.card import data_terms
from tests.faceseg.data.formats.celebamask_folder import (
    FRONTAL,
    exchanged,
    write_folder,
    write_image,
)
from tests.pipelines.conftest import RunFaceseg

SHARES = "40,30,30"
FROM = ("--from", "celebamask-hq", "--shares", SHARES)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images, in a folder beside the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return write_folder(tmp_path / "CelebAMask-HQ")


def expected_labels(classes: dict[str, int]) -> np.ndarray:
    """Return the labels of a frontal face (64, 64), painted here by a rule of this test."""
    labels = np.zeros((64, 64), dtype=np.uint8)
    for part, (left, right, top, bottom) in FRONTAL.items():
        labels[2 * top : 2 * bottom, 2 * left : 2 * right] = classes[part]
    return labels


def test_a_converted_folder_has_the_same_labels_pixel_by_pixel(
    source: Path, run_faceseg: RunFaceseg
):
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces")
    assert code == 0, out
    assert out.endswith("next:\n  faceseg init faces --classes lapa\n")
    assert "terms of use: CelebAMask-HQ: for non-commercial" in out
    lapa = {"skin": 1, "l_brow": 2, "r_brow": 3, "l_eye": 4, "r_eye": 5, "nose": 6, "u_lip": 7}
    lapa |= {"mouth": 8, "l_lip": 9, "hair": 10, "l_ear": 1, "r_ear": 1, "neck": 0}
    folder = LapaFolder("faces")
    items = [item for split in folder.splits for item in folder.items(split)]
    assert sorted(int(item.id) for item in items) == list(range(12))
    for item in items:
        np.testing.assert_array_equal(item.read()[1], expected_labels(lapa))
        original = source / "CelebA-HQ-img" / f"{item.id}.jpg"
        assert item.images[0].read_bytes() == original.read_bytes()
    record = json.loads(Path("faces/conversion.json").read_text())
    assert (record["format"], record["source"]) == ("celebamask-hq", str(source))
    assert (record["shares"], record["exchanged"]) == ([40, 30, 30], [])
    assert sum(record["counts"].values()) == 12
    assert record["map"]["eye_g"]["where"] == ["l_eye", "r_eye"]
    code, out = run_faceseg("init", "faces", "--classes", "lapa", "--no-gpu")
    assert code == 0, out
    assert load(Path("faces.yaml")).data.class_set == LAPA


def test_all_nineteen_classes_and_the_next_command(source: Path, run_faceseg: RunFaceseg):
    code, out = run_faceseg(
        "convert", source, *FROM, "--to", "all classes", "--classes=celebamask19"
    )
    assert code == 0, out
    assert "--classes celebamask19" in out
    code, out = run_faceseg("init", "all classes", "--classes", "celebamask19", "--no-gpu")
    assert code == 0, out
    assert "classes: celebamask19" in Path("all-classes.yaml").read_text()
    assert load(Path("all-classes.yaml")).data.class_set is CELEBAMASK19
    item = LapaFolder("all classes", classes=CELEBAMASK19).items("train")[0]
    ids = {"skin": 1, "nose": 2, "l_eye": 4, "r_eye": 5, "l_brow": 6, "r_brow": 7, "l_ear": 8}
    ids |= {"r_ear": 9, "mouth": 10, "u_lip": 11, "l_lip": 12, "hair": 13, "neck": 17}
    np.testing.assert_array_equal(item.read()[1], expected_labels(ids))


def test_a_file_of_classes_has_the_last_word(source: Path, run_faceseg: RunFaceseg):
    write_image(source, 12, FRONTAL | {"eye_g": (6, 26, 9, 13), "hat": (0, 4, 0, 4)})
    Path("two.yaml").write_text(
        "classes: {names: [background, face, hair], "
        "palette: [[0, 0, 0], [1, 1, 1], [2, 2, 2]], face: [1]}\n"
        "map:\n"
        "  hat: hair\n"
        "  eye_g: {to: face, where: [l_eye], otherwise: ignore}\n"
        "  neck: ignore\n"
    )
    code, out = run_faceseg("convert", source, *FROM, "--to", "two", "--classes", "two.yaml")
    assert code == 2
    missing = "skin, nose, l_eye, r_eye, l_brow, r_brow, l_ear, r_ear, mouth, u_lip, l_lip, ear_r,"
    assert f"no class of background, face, hair is given for {missing}" in out
    with Path("two.yaml").open("a") as file:
        for part in [*missing.rstrip(",").split(", "), "neck_l", "cloth"]:
            file.write(f"  {part}: face\n")
    code, out = run_faceseg("convert", source, *FROM, "--to", "two", "--classes", "two.yaml")
    assert code == 0, out
    assert "faceseg init two --classes two.yaml" in out
    labels = np.asarray(Image.open(next(Path("two").glob("*/labels/12.png"))))
    assert [labels[0, 0], labels[24, 30], labels[20, 20], labels[63, 32]] == [2, 1, 1, 255]
    code, out = run_faceseg("init", "two", "--classes=two.yaml", "--name=mine", "--no-gpu")
    assert code == 0, out
    assert load(Path("mine.yaml")).data.class_set.names == ("background", "face", "hair")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "celebamask"), "no format 'celebamask'; expected one of celebamask-hq"),
        (("--shares", "80,20"), "--shares 80,20: the shares of train, val and test are three"),
        (("--shares", "a,b,c"), "--shares a,b,c: the shares"),
        (("--classes", "lapaa"), "--classes lapaa: expected lapa, celebamask19, easyportrait, "),
        (("--classes", "no.yaml"), "--classes: no.yaml cannot be read"),
        (("--to", "../CelebAMask-HQ/faces"), "contain one another"),
        (("--to", ".."), "contain one another"),
        (("--to", "full"), "full contains files that no conversion has written"),
        (("--to", "full", "--overwrite"), "full contains files that no conversion has written"),
    ],
)
def test_wrong_arguments_are_refused(
    words: tuple[str, ...], message: str, source: Path, run_faceseg: RunFaceseg
):
    Path("full").mkdir()
    Path("full/precious.txt").write_text("keep")
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces", *words)
    assert code == 2
    assert message in " ".join(out.split())
    assert [path.name for path in Path().iterdir()] == ["full"]
    assert Path("full/precious.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[lapa]", "must contain the key `classes`"),
        ("map: {hat: hair}", "classes: Field required"),
        ("classes: lapa\nmapp: {hat: hair}", "mapp: unknown key; did you mean 'map'?"),
        ("classes: lapa\nmap: {hat: {to: hair}}", "map.hat.where: Field required"),
        ("classes: {names: [a, b], palette: [[0, 0, 0]], face: [1]}", "2 names need 2 colours"),
        ("classes: lapa\npalette: {skin: [1, 2, 3]}", "only the format colours has"),
    ],
)
def test_wrong_files_of_classes_are_refused(
    text: str, message: str, source: Path, run_faceseg: RunFaceseg
):
    Path("mine.yaml").write_text(text)
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces", "--classes", "mine.yaml")
    assert code == 2
    assert message in out
    assert not Path("faces").exists()


def test_bad_pairs_stop_the_conversion_or_are_left_out(source: Path, run_faceseg: RunFaceseg):
    mask = source / "CelebAMask-HQ-mask-anno/0/00004_skin.png"
    mask.write_bytes(b"")
    same = (source / "CelebA-HQ-img/6.jpg").read_bytes()  # in test; 0 is in train
    for number in range(3):
        (source / f"CelebA-HQ-img/{number}.jpg").write_bytes(same)
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces")
    assert code == 2
    assert "of 12 pairs cannot be used, so nothing was converted:" in out
    assert "CelebAMask-HQ-mask-anno/0/00004_skin.png: empty file (0 bytes)" in out
    assert "--on-bad skip (conversion.json then lists each of them)" in out
    assert list(Path().iterdir()) == []
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces", "--on-bad", "skip")
    assert code == 0, out
    record = json.loads(Path("faces/conversion.json").read_text())
    assert "00004_skin.png" in str(record["problems"])
    assert "the same picture as" in str(record["problems"])
    written = {path.stem for path in Path("faces").glob("*/images/*")}
    assert written == {path.stem for path in Path("faces").glob("*/labels/*")}
    assert len(written) == 12 - len(record["problems"]) == sum(record["counts"].values())


def test_an_interrupted_conversion_starts_over(
    source: Path, run_faceseg: RunFaceseg, monkeypatch: pytest.MonkeyPatch
):
    def die(partial: Path, folder: Path) -> None:
        """Leave what a killed process leaves: no `finally` has run."""
        partial.rename(partial.with_name("killed"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(conversion, "_put_in_place", die)
        code, _ = run_faceseg("convert", source, *FROM, "--to", "faces")
    assert code == 130
    assert not Path("faces").exists()
    Path("killed").rename(".faces.unfinished")
    Path(".faces.unfinished/train/images/stale.jpg").write_bytes(b"stale")
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces")
    assert code == 0, out
    assert [path.name for path in Path().iterdir()] == ["faces"]
    assert list(Path("faces").rglob("stale.jpg")) == []


def test_only_a_conversion_is_overwritten(source: Path, run_faceseg: RunFaceseg):
    for words, code in (((), 0), ((), 2), (("--overwrite",), 0)):
        found, out = run_faceseg("convert", source, *FROM, "--to", "faces", *words)
        assert found == code, out
    assert "converted: " in out


def test_two_names_that_are_one_file_on_some_systems_are_refused(
    source: Path, run_faceseg: RunFaceseg
):
    for letter in "abcdefgh":  # of some of these pairs, both are in one split
        for name in (letter, letter.upper()):
            (source / f"CelebA-HQ-img/{name}.jpg").write_bytes(b"")
    code, out = run_faceseg("convert", source, *FROM, "--to", "faces")
    assert code == 2
    assert "would be one file on some systems: 'D' and 'd'; rename one of them" in out


def data_section(source: Path, **values: object) -> Experiment:
    data = {"source": "celebamask-hq", "path": str(source), "shares": [40, 30, 30], **values}
    return Experiment.model_validate({"name": "here", "data": {"image_size": [32, 32], **data}})


def test_a_format_is_a_source_without_a_copy(source: Path):
    for number in range(12):
        for mask in (source / "CelebAMask-HQ-mask-anno/0").glob(f"{number:05}_*"):
            mask.unlink()
        write_image(source, number, exchanged(FRONTAL))
    experiment = data_section(source, mapping={"neck": "hair"})
    console = Console(record=True, width=500, file=io.StringIO())
    folder, manifest = prepare(experiment, console)
    assert manifest.source["kind"] == "celebamask-hq"
    assert manifest.source["map"]["neck"] == "hair"
    assert sum(split.count for split in manifest.splits.values()) == 12
    assert "left and right were exchanged" in console.export_text()
    other, _ = prepare(data_section(source), Console(quiet=True))
    assert other != folder


def test_the_terms_of_a_data_set_are_in_model_cards(source: Path):
    assert "non-commercial" in data_terms(data_section(source).data)
    assert data_terms(data_section(source, terms="mine").data) == "mine"
