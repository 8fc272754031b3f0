"""One split of a pack, read from its files as memory maps that all processes share.

Shapes: N images, H rows, W columns of the pack; h, w an image's own size.
"""

import json
import re
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.source import Facts


class Split:
    """The images of one split, read-only.

    `images` is uint8 RGB (N, H, W, 3), `labels` uint8 (N, H, W), `ids` the N names.
    Pickled as its place on disk, so that handing it to a worker copies no pixels.
    """

    def __init__(self, folder: str | Path, name: str) -> None:
        self.folder = Path(folder)
        self.name = name
        place = self.folder / name
        self.images: NDArray[np.uint8] = np.load(place / IMAGES, mmap_mode="r")
        self.labels: NDArray[np.uint8] = np.load(place / LABELS, mmap_mode="r")
        self.ids: tuple[str, ...] = tuple(json.loads((place / IDS).read_text("utf-8")))

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[type["Split"], tuple[Path, str]]:
        return Split, (self.folder, self.name)

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph that each image shows; N names, repeated where images share one."""
        return tuple(photo_of(name) for name in self.ids)

    @property
    def has_originals(self) -> bool:
        """Whether the images are kept at their own size too: all splits but 'train'."""
        return (self.folder / self.name / ORIGINALS).exists()

    def original(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image (h, w, 3) and labels (h, w) as they were before resizing."""
        places, content = self._originals
        start, height, width = (int(each) for each in places[index])
        middle, end = start + height * width * 3, start + height * width * 4
        image = np.array(content[start:middle]).reshape(height, width, 3)
        return image, np.array(content[middle:end]).reshape(height, width)

    @cached_property
    def facts(self) -> tuple[Facts, ...]:
        """What the source says of each image (`Item.facts`), N mappings; where originals are."""
        self._check_originals()
        return tuple(json.loads((self.folder / self.name / FACTS).read_text("utf-8")))

    @cached_property
    def _originals(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        self._check_originals()
        place = self.folder / self.name
        content = np.memmap(place / ORIGINALS, dtype=np.uint8, mode="r")
        return np.load(place / ORIGINALS_INDEX), content

    def _check_originals(self) -> None:
        if not self.has_originals:
            raise ValueError(f"split {self.name!r} keeps no originals; 'val' and 'test' do")


def open_split(folder: str | Path, split: str) -> Split:
    """Open one split of the pack in `folder`, as `prepare` returned it."""
    return Split(folder, split)


IMAGES, LABELS, IDS = "images.npy", "labels.npy", "ids.json"


ORIGINALS, ORIGINALS_INDEX, FACTS = "originals.bin", "originals.npy", "facts.json"


# --- Which images show the same photograph, told by LaPa's names.
#
# About half of LaPa's training images are warped repeats of photographs of older data sets:
# `HELEN_100032540_1_0` to `HELEN_100032540_1_9` are one photograph. The others are named
# `<photograph>_<face>`. Statistics are clustered by photograph, and one that stands in two
# splits is reported.

_LAPA_NAME = re.compile(r"((?:HELEN|LFPW|AFW|IBUG)_.+|\d+)_\d+")


def photo_of(name: str) -> str:
    """Return the photograph of an image's id; a name unlike LaPa's is its own photograph."""
    match = _LAPA_NAME.fullmatch(name)
    return match[1] if match else name
