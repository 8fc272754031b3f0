"""Stamps: drawn objects whose two colours are chosen when they are pasted.

A stamp has four channels, multiplied by its opacity: the light on its main colour, the light on
its second colour, white (gloss), and the opacity. A 3 x 4 matrix with the two colours turns it
into RGB. Coordinates of a sketch are from -1 to 1, x to the right and y down.

Shapes: S pixels a side of a stamp; K points of an outline.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Plane = NDArray[np.float32]

SIDE = 160  # pixels of a stamp's largest level
LEVELS = 3  # each has half the side of the one before: warping does not smooth
MAIN, SECOND, WHITE = np.eye(3, dtype=np.float32)
_OVERSAMPLING = 2
_SHADOW = 0.35  # opacity; below one half, so that the pixels of a shadow keep their labels
_SUBPIXEL = 4  # binary digits after the point in the corners given to OpenCV


@dataclass(frozen=True)
class Stamp:
    """A drawn object.

    Attributes:
        levels: uint8 (S, S, 4), the largest first; see the module for the channels.
        area: The number of opaque pixels of the largest level.
        centre: The middle of these pixels as a share of the side, (x, y).
    """

    levels: tuple[NDArray[np.uint8], ...]
    area: int
    centre: tuple[float, float]


class Sketch:
    """A canvas on which the parts of an object are filled one over the other."""

    def __init__(self) -> None:
        self.side = SIDE * _OVERSAMPLING
        self.layers = np.zeros((self.side, self.side, 4), np.float32)
        steps = ((np.arange(self.side) + 0.5) / self.side * 2 - 1).astype(np.float32)
        self.x, self.y = np.meshgrid(steps, steps)

    def fill(self, outline: Floats, colour: Plane, light: Plane | float = 0.85) -> None:
        """Fill an outline (K, 2).

        Args:
            outline: The corners.
            colour: `MAIN`, `SECOND`, `WHITE` or a mixture, (3,).
            light: Light on each pixel, (S, S) from 0 to 1, or one number for all.
        """
        corners = (np.asarray(outline) + 1) * (self.side / 2) - 0.5
        # Only the box of the outline is computed: most parts are small.
        left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, self.side - 1)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 1, self.side)
        mask = np.zeros((max(1, bottom - top), max(1, right - left)), np.uint8)
        fixed = np.rint((corners - [left, top]) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SUBPIXEL)
        part = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
        lit = light[part][..., None] if isinstance(light, np.ndarray) else light
        opacity = mask.astype(np.float32)[..., None] / 255
        self.layers[part] *= 1 - opacity
        self.layers[part][..., :3] += opacity * lit * colour
        self.layers[part][..., 3:] += opacity

    def rounded(self, middle: float, radius: Plane | float) -> Plane:
        """Return the light (S, S) on an upright round body: bright left of its middle."""
        across = np.clip((self.x - middle) / np.maximum(radius, 1e-3), -1, 1)
        return (0.45 + 0.55 * np.sqrt(1 - ((across + 0.25) / 1.25) ** 2)).astype(np.float32)

    def stamp(self) -> Stamp:
        """Return the object with a soft shadow below it, at all levels."""
        opacity = self.layers[..., 3].copy()
        shift = np.array([[1, 0, 0.02 * self.side], [0, 1, 0.04 * self.side]], np.float32)
        moved = cv2.warpAffine(opacity, shift, (self.side, self.side))
        shadow = _SHADOW * cv2.GaussianBlur(moved, (0, 0), 0.03 * self.side)
        self.layers[..., 3] += (1 - opacity) * shadow
        levels = tuple(self._level(SIDE >> number) for number in range(LEVELS))
        rows, columns = np.nonzero(levels[0][..., 3] >= 128)
        centre = ((columns.mean() + 0.5) / SIDE, (rows.mean() + 0.5) / SIDE)
        return Stamp(levels, len(rows), (float(centre[0]), float(centre[1])))

    def _level(self, side: int) -> NDArray[np.uint8]:
        small = cv2.resize(self.layers, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(np.rint(np.clip(small, 0, 1) * 255), np.uint8)


Draw = Callable[[Sketch, np.random.Generator], None]


def circle(x: float, y: float, radius: float, points: int = 48) -> Floats:
    """Return the outline (K, 2) of a circle."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def silhouette(heights: Floats, radii: Floats, middle: float = 0.0) -> Floats:
    """Return the outline (K, 2) of a round upright body from radii at some heights (y)."""
    right = np.stack([middle + radii, heights], axis=1)
    left = np.stack([middle - radii, heights], axis=1)
    return np.concatenate([right, left[::-1]])


def band(path: Floats, width: float) -> Floats:
    """Return the outline (K, 2) of a line of constant width along a path."""
    step = np.gradient(path, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    normal *= width / 2 / np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
    return np.concatenate([path + normal, (path - normal)[::-1]])


def turned(points: Floats, angle: float, about: tuple[float, float]) -> Floats:
    """Rotate points (K, 2) about a point, by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray((points - about) @ matrix + about)
