"""Small folders in the layouts of mask formats, written by their specifications."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.formats.annotations import AnnotatedImage, Annotations
from faceseg.data.formats.colours import read_colours
from faceseg.data.formats.easyportrait import read_easyportrait
from faceseg.data.formats.facesynthetics import read_facesynthetics
from faceseg.data.formats.helen import read_helen
from faceseg.data.formats.ibugmask import read_ibugmask

ROWS, COLUMNS = 16, 24
PALETTE = {"background": [0, 0, 0], "skin": [200, 0, 0], "hair": [0, 0, 200]}


def stripes(classes: int, shift: int = 0) -> NDArray[np.uint8]:
    """Return labels (16, 24) of vertical stripes that contain every class."""
    row = [(column // 2 + shift) % classes for column in range(COLUMNS)]
    return np.array([row] * ROWS, dtype=np.uint8)


def write_image(file: Path, value: int = 90) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (COLUMNS, ROWS), (value, value, value)).save(file)


def write_mask(file: Path, labels: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(file)


def easyportrait(root: Path) -> Path:
    for shift, split in enumerate(("train", "val", "test")):
        for name in ("a", "b"):
            write_image(root / f"images/{split}/{name}.jpg")
            write_mask(root / f"annotations/{split}/{name}.png", stripes(9, shift))
    return root


def ibugmask(root: Path) -> Path:
    for shift, split in enumerate(("train", "test")):
        for name in ("a", "b"):
            write_image(root / f"{split}/{name}.jpg")
            write_mask(root / f"{split}/{name}.png", stripes(11, shift))
            (root / f"{split}/{name}_landmark.txt").write_text("1 2\n", encoding="utf-8")
    return root


def facesynthetics(root: Path) -> Path:
    ids = np.tile(np.array([*range(19), 255, 0, 1, 2, 3], dtype=np.uint8), (ROWS, 1))
    for name in ("000000", "000001"):
        write_image(root / f"{name}.png")
        write_mask(root / f"{name}_seg.png", ids)
        (root / f"{name}_ldmks.txt").write_text("1.0 2.0\n", encoding="utf-8")
    return root


def helen(root: Path) -> Path:
    lists = {"exemplars": ("a", "b"), "tuning": ("c",), "testing": ("d",)}
    for list_name, names in lists.items():
        lines = [f"{number} , {name}" for number, name in enumerate(names, start=1)]
        root.mkdir(parents=True, exist_ok=True)
        (root / f"{list_name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name in names:
            write_image(root / f"images/{name}.jpg")
            for index in range(11):
                probability = np.where(stripes(11) == index, 200, 5).astype(np.uint8)
                write_mask(root / f"labels/{name}/{name}_lbl{index:02}.png", probability)
    return root


def colours(root: Path) -> Path:
    table = np.array(list(PALETTE.values()), dtype=np.uint8)
    for name in ("a", "b"):
        write_image(root / f"images/{name}.jpg")
        write_mask(root / f"labels/{name}.png", table[stripes(3)])
    return root


@dataclass(frozen=True)
class Example:
    """A format, and the image `name` of the folder that `write` makes."""

    write: Callable[[Path], Path]
    read: Callable[[Path], Annotations]
    split: str
    name: str
    image: str
    mask: str

    def item(self, root: Path) -> AnnotatedImage:
        return next(item for item in self.read(root).splits[self.split] if item.id == self.name)


EXAMPLES = {
    "easyportrait": Example(
        easyportrait,
        read_easyportrait,
        "val",
        "a",
        "images/val/a.jpg",
        "annotations/val/a.png",
    ),
    "ibugmask": Example(ibugmask, read_ibugmask, "train", "a", "train/a.jpg", "train/a.png"),
    "facesynthetics": Example(
        facesynthetics, read_facesynthetics, "all", "000000", "000000.png", "000000_seg.png"
    ),
    "helen": Example(helen, read_helen, "train", "a", "images/a.jpg", "labels/a/a_lbl04.png"),
    "colours": Example(
        colours,
        lambda root: read_colours(root, PALETTE),
        "all",
        "a",
        "images/a.jpg",
        "labels/a.png",
    ),
}
