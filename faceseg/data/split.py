"""One split of a pack, opened as memory maps that all processes share.

Shapes: N images, H rows, W columns of the pack; h, w an image's own size.
"""

import json
import re
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.source import Facts

# The files of a split; `split_writer` describes their content.
IMAGES, LABELS, IDS = "images.npy", "labels.npy", "ids.json"
ORIGINALS, ORIGINALS_INDEX, FACTS = "originals.bin", "originals.npy", "facts.json"

_LAPA_NAME = re.compile(r"((?:HELEN|LFPW|AFW|IBUG)_.+|\d+)_\d+")


class Split:
    """The images of one split, read-only.

    It is pickled as its path, so that passing it to a worker copies no pixels.

    Attributes:
        folder: The folder of the pack.
        name: The name of the split.
        images: uint8 RGB (N, H, W, 3).
        labels: uint8 (N, H, W).
        ids: The names of the N images.
    """

    def __init__(self, folder: str | Path, name: str) -> None:
        self.folder = Path(folder)
        self.name = name
        path = self.folder / name
        self.images: NDArray[np.uint8] = np.load(path / IMAGES, mmap_mode="r")
        self.labels: NDArray[np.uint8] = np.load(path / LABELS, mmap_mode="r")
        self.ids: tuple[str, ...] = tuple(json.loads((path / IDS).read_text("utf-8")))

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[type["Split"], tuple[Path, str]]:
        return Split, (self.folder, self.name)

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph of each image; N names, equal for images of one photograph."""
        return tuple(photo_of(name) for name in self.ids)

    @property
    def has_originals(self) -> bool:
        """Whether the pack has the images at their own size too: all splits except 'train'."""
        return (self.folder / self.name / ORIGINALS).exists()

    def original(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return one image (h, w, 3) and its labels (h, w) as they were before resizing.

        Raises:
            ValueError: The split keeps no originals.
        """
        positions, content = self._originals
        start, height, width = (int(each) for each in positions[index])
        middle, end = start + height * width * 3, start + height * width * 4
        image = np.array(content[start:middle]).reshape(height, width, 3)
        return image, np.array(content[middle:end]).reshape(height, width)

    @cached_property
    def facts(self) -> tuple[Facts, ...]:
        """The facts of each image (`Item.facts`), N mappings.

        Raises ValueError if the split keeps no originals.
        """
        self._check_originals()
        return tuple(json.loads((self.folder / self.name / FACTS).read_text("utf-8")))

    @cached_property
    def _originals(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        self._check_originals()
        path = self.folder / self.name
        content = np.memmap(path / ORIGINALS, dtype=np.uint8, mode="r")
        return np.load(path / ORIGINALS_INDEX, mmap_mode="r"), content

    def _check_originals(self) -> None:
        if not self.has_originals:
            raise ValueError(f"split {self.name!r} keeps no originals; 'val' and 'test' do")


def open_split(folder: str | Path, split: str) -> Split:
    """Open one split of the pack in `folder`, the path that `build_pack` returned."""
    return Split(folder, split)


# --- LaPa's names contain the photograph that an image shows.
#
# About half of LaPa's training images are warped copies of photographs of older data sets:
# `HELEN_100032540_1_0` to `HELEN_100032540_1_9` are one photograph. The others are named
# `<photograph>_<face>`. Statistics are clustered by photograph, and a photograph with images in
# two splits is reported.


def photo_of(name: str) -> str:
    """Return the photograph that an image shows, from its id.

    An id that does not have the form of LaPa's names is its own photograph.
    """
    match = _LAPA_NAME.fullmatch(name)
    return match[1] if match else name
