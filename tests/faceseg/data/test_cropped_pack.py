"""Packs of images that are cropped to their face."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.drawn import DrawnFaces
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.manifest import Manifest, cache_key
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split

Pixels = NDArray[np.uint8]

SIZE = (32, 32)
FACES = DrawnFaces(counts={"train": 2, "val": 2, "test": 3}, size=48, seed=5)


class Middle:
    """Crops to the middle of an image; one picture has no face."""

    def __init__(self, border: int, without: Pixels | None = None) -> None:
        self.border, self.without = border, without

    def identity(self) -> dict[str, int]:
        return {"border": self.border}

    def crop(
        self, image: Pixels, labels: Pixels, classes: ClassSet
    ) -> tuple[Pixels, Pixels] | None:
        if self.without is not None and np.array_equal(image, self.without):
            return None
        middle = slice(self.border, -self.border)
        return image[middle, middle], labels[middle, middle]


def test_packed_images_are_cropped_and_originals_are_whole(tmp_path: Path):
    folder, _ = build_pack(FACES, tmp_path, LAPA, SIZE, cropper=Middle(8))
    for name in ("train", "val", "test"):
        split = open_split(folder, name)
        for index, item in enumerate(FACES.items(name)):
            image, labels = item.read()
            crop, crop_labels = image[8:-8, 8:-8], labels[8:-8, 8:-8]
            np.testing.assert_array_equal(split.images[index], resize_image(crop, SIZE))
            np.testing.assert_array_equal(split.labels[index], resize_labels(crop_labels, SIZE))
            if split.has_originals:
                np.testing.assert_array_equal(split.original(index)[0], image)
                np.testing.assert_array_equal(split.original(index)[1], labels)


def test_an_image_without_a_face_is_packed_whole_and_counted(tmp_path: Path):
    image, labels = FACES.items("test")[1].read()
    cropper = Middle(8, without=image)
    folder, manifest = build_pack(FACES, tmp_path, LAPA, SIZE, cropper=cropper)
    split = open_split(folder, "test")
    np.testing.assert_array_equal(split.images[1], resize_image(image, SIZE))
    np.testing.assert_array_equal(split.labels[1], resize_labels(labels, SIZE))
    assert manifest.crop is not None
    assert manifest.crop.settings == {"border": 8}
    assert manifest.crop.without_face == {"train": 0, "val": 0, "test": 1}
    assert Manifest.read(folder) == manifest


def test_each_crop_has_a_pack_of_its_own(tmp_path: Path):
    packs = [
        build_pack(FACES, tmp_path, LAPA, SIZE, cropper=each)
        for each in (None, Middle(8), Middle(4))
    ]
    assert len({folder for folder, _ in packs}) == 3
    assert len({manifest.fingerprint for _, manifest in packs}) == 3
    again, _ = build_pack(FACES, tmp_path, LAPA, SIZE, cropper=Middle(8))
    assert again == packs[1][0]


def test_a_pack_of_whole_images_keeps_its_name_and_manifest(tmp_path: Path):
    folder, manifest = build_pack(FACES, tmp_path, LAPA, SIZE)
    # As computed by version 0.2.0, which could not crop.
    assert cache_key({"kind": "drawn"}, LAPA, SIZE, "stop", "nearest") == "cadae7d790c84bd3af2b"
    assert manifest.crop is None
    assert '"crop"' not in (folder / "manifest.json").read_text(encoding="utf-8")
    assert "crop" not in manifest.model_dump()
