"""One canvas for colour and labels, so that the labels match the painted picture exactly.

Colour and labels share one grid, `SCALE` times finer than the picture. An outline covers the
same cells of both: those whose centre is inside it. A pixel's colour is the mean of its cells
and its label the most frequent class among them. `SCALE` is odd, so that two classes never tie.

Shapes: S cells a side; colour (3, S, S) float32 in 0 to 255, channels first since that is
faster to blend in NumPy; labels (S, S) uint8; textures (S, S) float32, gains about 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.geometry import Points
from faceseg.data.drawn.materials import Colour, Field

SCALE = 3
SHIFT = 8  # fillPoly takes fixed-point corners: 8 binary digits
# fillPoly grows an outline by half a cell, less at its lower edge. Draw its antialiased mask DROP
# cells lower: the cells at INSIDE or above are then those whose centre is inside the outline,
# except some at the very edge. Areas are exact to 3 %, positions to a fifth of a cell.
INSIDE, DROP = 240, 0.35


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of a canvas that contains an outline. `mask` has its shape, 0 to 1."""

    rows: slice
    columns: slice
    mask: Field


class Canvas:
    """The colours and labels of a picture that is being painted."""

    def __init__(self, size: int) -> None:
        """Create a black canvas, all background, for a picture of `size` pixels a side."""
        self.size = size
        self.side = size * SCALE
        self.colour: Field = np.zeros((3, self.side, self.side), np.float32)
        self.labels: NDArray[np.uint8] = np.zeros((self.side, self.side), np.uint8)

    def patch(self, outline: Points, margin: int = 0) -> Patch | None:
        """Return the part of the canvas around `outline`, with a margin of `margin` cells.

        The result is None if the outline is outside the canvas.
        """
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
        """Paint the inside of an outline.

        Args:
            outline: Corners (N, 2) in cells.
            colour: The colour, which is multiplied by `texture`.
            label: The new label of the cells inside, whatever the opacity. None keeps the labels.
            opacity: The share of the new colour, 0 to 1.
            softness: Standard deviation of the colour's edge, in cells. The label's edge is sharp.
            texture: Gains (S, S).
            inside: A second outline; only cells that are inside both are painted.
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
        """Multiply the colour inside an outline, for a shadow, a highlight or a blush.

        The labels do not change.

        Args:
            outline: Corners (N, 2) in cells.
            gain: The factor, for all channels or for each.
            softness: As in `fill`.
            inside: As in `fill`.
            shift: Offset (right, down) of the tinted area from the outline, in cells.
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
        """Return the labels (size, size): the most frequent class among each pixel's cells."""
        cells = [self.labels[row::SCALE, column::SCALE] for row, column in np.ndindex(SCALE, SCALE)]
        result = cells[0].copy()
        mixed = np.zeros(result.shape, bool)
        for each in cells[1:]:
            mixed |= each != result
        votes = np.stack([each[mixed] for each in cells], axis=1)  # (mixed pixels, cells)
        width = int(self.labels.max()) + 1
        index = votes + width * np.arange(len(votes))[:, None]
        counts = np.bincount(index.ravel(), minlength=width * len(votes))
        result[mixed] = counts.reshape(-1, width).argmax(axis=1)
        return result

    def _same_cells(self, outline: Points, patch: Patch) -> Field:
        """Return the mask of `outline` on the cells of `patch`."""
        return _cells_inside(outline - [patch.columns.start, patch.rows.start], patch.mask.shape)


def _cells_inside(outline: Points, shape: tuple[int, ...]) -> Field:
    """Return a mask of `shape`: 1 in the cells whose centre is inside the outline, else 0."""
    mask = np.zeros(shape, np.uint8)
    corners = np.round((outline + np.array([0, DROP])) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, SHIFT)
    return (mask >= INSIDE).astype(np.float32)


def _soft(mask: Field, softness: float) -> Field:
    """Return the mask, blurred by a Gaussian of `softness` cells."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.float32)
