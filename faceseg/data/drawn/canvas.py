"""One canvas for colour and labels: what is painted is what is labelled.

Both lie on the same grid, `SCALE` times finer than the picture, and an outline covers the
same cells of both (those whose centre it holds). A picture's pixel is the mean of its cells;
its label the class of most of them. `SCALE` is odd, so that two classes never tie.

Shapes: S cells a side; colour (3, S, S) float32 in 0 to 255, channels first since that is
faster to blend in NumPy; labels (S, S) uint8; textures (S, S) float32, gains about 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.geometry import Points
from faceseg.data.drawn.materials import Colour

Field = NDArray[np.float32]

SCALE = 3
SHIFT = 8  # fillPoly takes fixed-point corners: 8 binary digits
# fillPoly grows an outline by half a cell, less at its foot. Of its antialiased mask, drawn
# DROP cells lower, the cells at INSIDE or above are those whose centre the outline holds, but
# for some at the very edge: areas come out right to 3 %, places to a fifth of a cell.
INSIDE, DROP = 240, 0.35


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of a canvas that an outline touches. `mask`: 0 to 1, shape of the part."""

    rows: slice
    columns: slice
    mask: Field


class Canvas:
    """A picture in the making and its labels."""

    def __init__(self, size: int) -> None:
        """Make a black canvas for a picture of `size` pixels a side, all background."""
        self.size = size
        self.side = size * SCALE
        self.colour: Field = np.zeros((3, self.side, self.side), np.float32)
        self.labels: NDArray[np.uint8] = np.zeros((self.side, self.side), np.uint8)

    def patch(self, outline: Points, margin: int = 0) -> Patch | None:
        """Return the cells inside `outline`, with `margin` cells around; None if off canvas."""
        low, high = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
        left, top = (max(0, int(each) - 1 - margin) for each in low)
        right, bottom = (min(self.side, int(each) + 3 + margin) for each in high)
        if right <= left or bottom <= top:
            return None
        mask = _cells_inside(outline - [left, top], (bottom - top, right - left))
        return Patch(slice(top, bottom), slice(left, right), mask)

    def fill(
        self,
        outline: Points,
        colour: Colour,
        *,
        label: int | None = None,
        opacity: float = 1.0,
        softness: float = 0.0,
        texture: Field | None = None,
        inside: Points | None = None,
    ) -> None:
        """Paint `outline` in `colour` times `texture`.

        The cells inside become `label` unless it is None, whatever the opacity. `softness`
        is the standard deviation, in cells, of the colour's edge; the label's stays sharp.
        `inside`: paint only where this outline holds as well.
        """
        patch = self.patch(outline, margin=int(2 * softness))
        if patch is None:
            return
        area, mask = (patch.rows, patch.columns), patch.mask
        if inside is not None:
            mask = mask * self._same_cells(inside, patch)
        if label is not None:
            self.labels[area][mask > 0] = label
        if softness > 0:
            mask = _soft(mask, softness)
        if opacity < 1:
            mask = mask * np.float32(opacity)
        gain = None if texture is None else texture[area]
        for plane, level in zip(self.colour, colour, strict=True):
            target = plane[area]
            goal = level if gain is None else level * gain
            target += (goal - target) * mask

    def tint(
        self,
        outline: Points,
        gain: Colour | float,
        softness: float,
        inside: Points | None = None,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Multiply the colour inside `outline` by `gain`: a shadow, a highlight, a blush.

        `shift`: how far right and down of the outline, in cells; where a shadow falls.
        The labels stay; `softness` and `inside` as in `fill`.
        """
        patch = self.patch(outline + np.array(shift), margin=int(2 * softness))
        if patch is None:
            return
        mask = _soft(patch.mask, softness) if softness > 0 else patch.mask
        if inside is not None:
            mask = mask * self._same_cells(inside, patch)
        gains = [float(gain)] * 3 if isinstance(gain, int | float) else gain.tolist()
        for plane, factor in zip(self.colour, gains, strict=True):
            plane[patch.rows, patch.columns] *= 1 + np.float32(factor - 1) * mask

    def picture(self) -> NDArray[np.float32]:
        """Return the picture, shape (size, size, 3)."""
        size = (self.size, self.size)
        planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in self.colour]
        return np.asarray(cv2.merge(planes), np.float32)

    def label_map(self) -> NDArray[np.uint8]:
        """Return the labels, shape (size, size): for each pixel the class of most of its cells."""
        cells = [self.labels[row::SCALE, column::SCALE] for row, column in np.ndindex(SCALE, SCALE)]
        result = cells[0].copy()
        mixed = np.zeros(result.shape, bool)
        for each in cells[1:]:
            mixed |= each != result
        votes = np.stack([each[mixed] for each in cells], axis=1)  # (mixed pixels, cells)
        width = int(self.labels.max()) + 1
        place = votes + width * np.arange(len(votes))[:, None]
        counts = np.bincount(place.ravel(), minlength=width * len(votes))
        result[mixed] = counts.reshape(-1, width).argmax(axis=1)
        return result

    def _same_cells(self, outline: Points, patch: Patch) -> Field:
        """Return the mask of `outline` on the cells of `patch`."""
        return _cells_inside(outline - [patch.columns.start, patch.rows.start], patch.mask.shape)


def _cells_inside(outline: Points, shape: tuple[int, ...]) -> Field:
    """Return 1 in the cells of `shape` whose centre lies inside the outline, else 0."""
    mask = np.zeros(shape, np.uint8)
    corners = np.round((outline + np.array([0, DROP])) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, SHIFT)
    return (mask >= INSIDE).astype(np.float32)


def _soft(mask: Field, softness: float) -> Field:
    """Return the mask blurred by `softness` cells."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.float32)
