"""Counts over the label maps of a split: the pixels of each class, and left/right order.

Shapes: H rows, W columns, C classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet


def class_columns(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Return the number of pixels of each class in each column of labels (H, W): (C, W)."""
    columns = labels.shape[1]
    index = labels.astype(np.int32) * columns + np.arange(columns, dtype=np.int32)
    return np.bincount(index.ravel(), minlength=256 * columns).reshape(256, columns)[:classes]


@dataclass(frozen=True, kw_only=True)
class SideCounts:
    """In how many images class `left` is left of class `right` (`kept`), of all that show both."""

    left: str
    right: str
    images: int
    kept: int

    @property
    def share(self) -> float:
        """The share of images in which `left` is on the left; NaN if no image shows both."""
        return self.kept / self.images if self.images else float("nan")


class ClassCounts:
    """Pixels of each class and left/right order, accumulated image by image."""

    def __init__(self, classes: ClassSet) -> None:
        self.classes = classes
        self.pixels = np.zeros(len(classes), dtype=np.int64)
        self._both = np.zeros(len(classes.pairs), dtype=np.int64)
        self._kept = np.zeros(len(classes.pairs), dtype=np.int64)

    def add(self, columns: NDArray[np.int64]) -> None:
        """Add one image, given as its `class_columns` (C, W)."""
        pixels = columns.sum(axis=1)
        self.pixels += pixels
        moments = columns @ np.arange(columns.shape[1])
        for place, (left, right) in enumerate(self.classes.pairs):
            if pixels[left] and pixels[right]:
                self._both[place] += 1
                mean_left, mean_right = moments[left] / pixels[left], moments[right] / pixels[right]
                self._kept[place] += bool(mean_left < mean_right)

    def shares(self) -> dict[str, float]:
        """Return each class's share of the pixels that are not ignored."""
        total = max(int(self.pixels.sum()), 1)
        return {
            name: int(count) / total
            for name, count in zip(self.classes.names, self.pixels, strict=True)
        }

    def sides(self) -> tuple[SideCounts, ...]:
        """Return the left/right order of each pair of the class set."""
        names = self.classes.names
        return tuple(
            SideCounts(left=names[left], right=names[right], images=int(both), kept=int(kept))
            for (left, right), both, kept in zip(
                self.classes.pairs, self._both, self._kept, strict=True
            )
        )
