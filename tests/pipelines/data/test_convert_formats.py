"""`faceseg convert` gives the same labels pixel by pixel, whatever format they are in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.class_sets import BUILT_IN
from faceseg.data.formats.names import FORMAT_NAMES
from faceseg.data.formats.table import FORMATS
from faceseg.data.lapa import LapaFolder
from pipelines.config import Experiment
from pipelines.data.prepare import image_source
from tests.pipelines.conftest import RunFaceseg
from tests.pipelines.data.annotated_folders import COUNT, LABELS, WRITERS, easyportrait

OF_LAPA = [name for name in WRITERS if name not in ("celebamask-hq", "easyportrait")]


@pytest.mark.parametrize("form", OF_LAPA)
def test_the_labels_are_the_same_in_every_format(
    form: str, tmp_path: Path, run_faceseg: RunFaceseg
):
    WRITERS[form](tmp_path / "source")
    words = ("--from", form, "--shares", "40,30,30", "--to", tmp_path / "faces")
    code, out = run_faceseg("convert", tmp_path / "source", *words)
    assert code == 0, out
    folder = LapaFolder(tmp_path / "faces")
    items = [item for split in folder.splits for item in folder.items(split)]
    assert len(items) == {"helen": 9, "ibugmask": 2 * COUNT}.get(form, COUNT)
    for item in items:
        np.testing.assert_array_equal(item.read()[1], LABELS)


def test_easyportrait_keeps_its_own_classes(tmp_path: Path, run_faceseg: RunFaceseg):
    easyportrait(tmp_path / "source")
    words = ("--from", "easyportrait", "--to", tmp_path / "faces")
    code, out = run_faceseg("convert", tmp_path / "source", *words)
    assert code == 2
    assert "EasyPortrait's classes cannot be translated into LaPa's" in " ".join(out.split())
    code, out = run_faceseg("convert", tmp_path / "source", *words, "--classes=easyportrait")
    assert code == 0, out
    folder = LapaFolder(tmp_path / "faces", classes=BUILT_IN["easyportrait"])
    labels = folder.items("val")[0].read()[1]
    native = np.asarray(Image.open(tmp_path / "source/annotations/val/face00.png"))
    np.testing.assert_array_equal(labels, native)
    assert np.unique(labels).tolist() == list(range(9))


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_every_format_is_a_source(form: str, tmp_path: Path):
    WRITERS[form](tmp_path / "source")
    classes = "easyportrait" if form == "easyportrait" else "lapa"
    data = {"source": form, "path": str(tmp_path / "source"), "shares": [40, 30, 30]}
    experiment = Experiment.model_validate({"name": "here", "data": {**data, "classes": classes}})
    source = image_source(experiment.data)
    assert source.identity()["kind"] == form
    assert all(source.items(split)[0].read()[1].any() for split in ("train", "val", "test"))


def test_the_table_has_every_format():
    assert set(FORMATS) == set(FORMAT_NAMES) == set(WRITERS)
    for form in FORMATS.values():
        assert set(form.rules) | set(form.refused) <= set(BUILT_IN)


def test_a_palette_may_give_several_colours_to_a_class(tmp_path: Path, run_faceseg: RunFaceseg):
    WRITERS["colours"](tmp_path / "source")
    (tmp_path / "two.yaml").write_text(
        "classes: {names: [background, face], palette: [[0, 0, 0], [1, 1, 1]], face: [1]}\n"
        "palette:\n  background: [[0, 0, 0], [255, 0, 102]]\n  face: [[0, 153, 255], "
        "[102, 255, 153], [0, 204, 153], [255, 255, 102], [255, 255, 204], [255, 153, 0], "
        "[255, 102, 255], [102, 0, 51], [255, 204, 255]]\n"
    )
    words = ("--from", "colours", "--to", tmp_path / "faces", "--shares", "40,30,30")
    code, out = run_faceseg(
        "convert", tmp_path / "source", *words, "--classes", tmp_path / "two.yaml"
    )
    assert code == 0, out
    folder = LapaFolder(tmp_path / "faces", classes=BUILT_IN["lapa"])
    expected = ((LABELS != 0) & (LABELS != 10)).astype(np.uint8)
    np.testing.assert_array_equal(folder.items("test")[0].read()[1], expected)
