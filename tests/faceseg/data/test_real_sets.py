"""Packing of real data sets, if they are available: rendered faces and photographs."""

from pathlib import Path

import numpy as np
from PIL import Image

from faceseg.data.classes import IGNORE, LAPA, ClassSet
from faceseg.data.formats.facesynthetics import TO_LAPA, read_facesynthetics
from faceseg.data.lapa import LapaFolder
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split

NATIVE = ClassSet(
    names=("background", "skin", "hair", "eyes", "nose", "mouth"),
    palette=((255, 0, 0), (255, 255, 0), (127, 0, 0), (0, 0, 255), (0, 255, 255), (0, 255, 0)),
    face=(1, 3, 4, 5),
    eyes=(3,),
    hair=2,
)


def test_rendered_faces_with_lapas_classes(shared_data: Path, tmp_path: Path) -> None:
    _, manifest = build_pack(LapaFolder(shared_data / "facesynth_lapa"), tmp_path, LAPA, (128, 128))
    assert [facts.count for facts in manifest.splits.values()] == [80, 10, 10]
    assert manifest.problems == ()
    assert manifest.warnings == ()
    assert all(side.kept == side.images > 0 for side in manifest.sides)


def test_ignored_pixels_stay_ignored(shared_data: Path, tmp_path: Path) -> None:
    nineteen = ClassSet(
        names=tuple(f"class {number}" for number in range(19)),
        palette=((0, 0, 0),) * 19,
        face=(1,),
    )
    source = LapaFolder(shared_data / "facesynth_lapa", "labels_native", nineteen)
    folder, _ = build_pack(source, tmp_path, nineteen, (256, 256))
    splits = [open_split(folder, name) for name in source.splits]
    assert sum(int(np.sum(split.labels == IGNORE)) for split in splits) == 353


def test_photographs_with_their_own_classes(shared_data: Path, tmp_path: Path) -> None:
    source = LapaFolder(shared_data / "fasseg_frontal", "labels_native", NATIVE)
    folder, manifest = build_pack(source, tmp_path, NATIVE, (64, 64))
    assert [facts.count for facts in manifest.splits.values()] == [44, 8, 12]
    assert manifest.problems == ()
    assert manifest.warnings == ()
    image, labels = open_split(folder, "test").original(0)
    assert image.shape[0] == 512
    assert labels.shape == image.shape[:2]
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4, 5]


def test_rendered_faces_in_their_own_layout(shared_data: Path, tmp_path: Path) -> None:
    """The sample has the labels of each image in both class sets."""
    lapa = {}
    for number, native in enumerate(sorted(shared_data.glob("facesynth_lapa/*/labels_native/*"))):
        image = native.parent.parent / "images" / f"{native.stem}.jpg"
        (tmp_path / f"{number:06}.png").symlink_to(image)
        (tmp_path / f"{number:06}_seg.png").symlink_to(native)
        lapa[f"{number:06}"] = native.parent.parent / "labels" / native.name
    found = read_facesynthetics(tmp_path)
    table = np.full(256, 255, dtype=np.uint8)
    table[: len(found.classes)] = [LAPA.names.index(TO_LAPA[name]) for name in found.classes]
    assert len(found.splits["all"]) == len(lapa) == 100
    ignored = 0
    for item in found.splits["all"]:
        labels = table[item.read()[1]]
        expected = np.asarray(Image.open(lapa[item.id]))
        scored = labels != 255
        ignored += int(np.sum(~scored))
        np.testing.assert_array_equal(labels[scored], expected[scored])
    assert ignored == 353  # the sample's labels in LaPa's classes have background there
