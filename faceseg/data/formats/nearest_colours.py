"""Labels from the colours of pixels: exact colours, and mixed ones along smoothed borders.

A border that was drawn with anti-aliasing has pixels whose colours are mixtures of the colours on
both sides. Such a pixel takes the class of the nearest colour (Euclidean in RGB; of equally near
ones the lowest id) among those that occur exactly within two pixels of it. Other colours of the
palette are no candidates: purple is between red and blue, but no purple part is.

Shapes: H rows, W columns, K pixels of mixed colours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, Colour
from faceseg.data.images import Pixels
from faceseg.data.label_colours import colours_by_count, list_colours
from faceseg.data.problems import BadFile

MAX_MIXED = 0.1  # of the pixels; a smoothed map of a face has fewer, a JPEG of one has more
MAX_UNKNOWN = 0.001  # of the pixels
REACH = 2  # rows and columns in which colours mix
# A mixture of two colours is at most 1/2 of their distance from the nearer one, a mixture of three
# at most 2/3 of the largest distance from the nearest.
MAX_DISTANCE = 2 / 3
ROUNDING = 4.0  # distance of colours that were rounded or converted, such as 254 for 255
MAX_COLOURS = 1000
_NONE = 2**16 - 1  # the index of no colour

_Numbers = NDArray[np.int32]
_Indices = NDArray[np.uint16]


@dataclass(frozen=True)
class ColourCounts:
    """The pixels of a label map in colours.

    Attributes:
        pixels: All pixels.
        mixed: Pixels of a mixed colour, which took the class of the nearest one.
        unknown: Pixels whose colour is no mixture of colours nearby, which are ignored.
    """

    pixels: int
    mixed: int
    unknown: int


class ColourTable:
    """The ids of colours."""

    def __init__(self, ids: Mapping[Colour, int]) -> None:
        """Store the id of each colour: a class, or 255 for ignored pixels.

        Args:
            ids: At most 1,000 colours with their ids.
        """
        ordered = sorted(ids, key=lambda colour: ids[colour])
        self._colours = np.array(ordered, dtype=np.int32)
        self._ids = np.array([ids[colour] for colour in ordered], dtype=np.uint8)
        self._indices = np.full(1 << 24, _NONE, dtype=np.uint16)
        for index, (red, green, blue) in enumerate(ordered):
            self._indices[red << 16 | green << 8 | blue] = index

    def labels(self, pixels: Pixels, file: Path) -> tuple[Pixels, ColourCounts]:
        """Return the labels (H, W) of colours (H, W, 3), and the numbers of inexact pixels.

        Args:
            pixels: The colours.
            file: The file, for messages.

        Raises:
            BadFile: More than 10 % of the pixels have no exact colour, or more than 0.1 % are no
                mixture of colours nearby.
        """
        codes = np.zeros(pixels.shape[:2], dtype=np.int32)
        for channel in range(3):
            codes <<= 8
            codes |= pixels[..., channel]
        indices: _Indices = self._indices[codes]
        inexact = indices == _NONE
        count = int(inexact.sum())
        if count > MAX_MIXED * indices.size:
            raise _too_many(file, pixels[inexact], indices.size, "in the palette", MAX_MIXED)
        if count:
            indices[inexact] = self._nearest(pixels[inexact].astype(np.int32), indices, inexact)
        unknown = indices == _NONE
        unknown_count = int(unknown.sum())
        if unknown_count > MAX_UNKNOWN * indices.size:
            known = "in the palette or between two colours nearby"
            raise _too_many(file, pixels[unknown], indices.size, known, MAX_UNKNOWN)
        labels = self._ids[np.where(unknown, 0, indices)]
        labels[unknown] = IGNORE
        return labels, ColourCounts(indices.size, count - unknown_count, unknown_count)

    def _nearest(self, own: _Numbers, indices: _Indices, inexact: NDArray[np.bool_]) -> _Indices:
        """Return the nearest colours (K,) of colours (K, 3); `_NONE` where none is near enough."""
        best = np.full(len(own), np.inf)
        found = np.full(len(own), _NONE, dtype=np.uint16)
        for index, nearby in _occurrences(indices, inexact):
            distance = _distance(own, self._colours[index])
            better = nearby & (distance < best)
            best[better], found[better] = distance[better], index
        widest = np.zeros(len(own))
        between = _distance(self._colours[:, None], self._colours[None])
        chosen = np.where(found == _NONE, 0, found)
        for index, nearby in _occurrences(indices, inexact):
            widest = np.maximum(widest, nearby * between[chosen, index])
        found[best > np.maximum(ROUNDING, MAX_DISTANCE * widest)] = _NONE
        return found


def _occurrences(
    indices: _Indices, inexact: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield each colour that occurs, and which of the K inexact pixels have it nearby (K,)."""
    occurs = np.zeros(_NONE + 1, dtype=np.bool_)
    occurs[indices] = True
    square = np.ones((2 * REACH + 1, 2 * REACH + 1), dtype=np.uint8)
    for index in np.flatnonzero(occurs[:_NONE]).tolist():
        nearby = cv2.dilate((indices == index).astype(np.uint8), square)
        yield index, nearby[inexact] > 0


def _distance(one: _Numbers, other: _Numbers) -> NDArray[np.float64]:
    """Return the distances of colours (..., 3)."""
    distances: NDArray[np.float64] = np.sqrt(np.square(one - other).sum(axis=-1))
    return distances


def _too_many(file: Path, colours: Pixels, pixels: int, known: str, limit: float) -> BadFile:
    """Return the problem of a file in which these colours (K, 3) are too frequent."""
    return BadFile(
        file,
        f"{len(colours) / pixels:.1%} of the pixels have colours that are not {known}: "
        + list_colours(*colours_by_count(colours)),
        f"at most {limit:.1%}: add the colours to the palette, or save the labels without "
        "smoothing or compression",
    )
