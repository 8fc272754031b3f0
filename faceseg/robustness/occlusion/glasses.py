"""Sunglasses fitted to the eyes: small and round, of usual size, or a wide shield."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.face_axes import FaceAxes, face_axes_of
from faceseg.robustness.occlusion.occluder import (
    NEVER,
    Image,
    Mask,
    Occluder,
    OccluderInput,
    overlay,
    shaded,
)

STEPS = (1.0, 2.0, 3.0)

_TINTS = ((22, 22, 26), (48, 34, 24), (24, 34, 48), (30, 40, 30))
_SUBPIXEL = 4  # binary digits after the point in the corners given to OpenCV


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """One size of glasses, in units of the distance between the eyes."""

    half_width: float
    half_height: float
    bridge: float  # height of the bridge between the lenses
    temple: float  # height of the arms


_PAIRS = (
    _Pair(half_width=0.31, half_height=0.23, bridge=0.06, temple=0.04),
    _Pair(half_width=0.43, half_height=0.31, bridge=0.10, temple=0.07),
    _Pair(half_width=0.53, half_height=0.40, bridge=0.40, temple=0.16),
)


def eye_band(source: OccluderInput) -> Occluder:
    """Draw dark glasses along the line through the eyes; they have three steps.

    Arms run to the sides of the face. The glasses of each step contain those of the step before.
    """
    axes = face_axes_of(source)
    growth = np.full(source.labels.shape, NEVER, np.int32)
    for step, pair in reversed(list(enumerate(_PAIRS, start=1))):
        for part in _parts(axes, pair):
            corners = np.rint(part * 2**_SUBPIXEL).astype(np.int32)
            cv2.fillPoly(growth, [corners], float(step), shift=_SUBPIXEL)
    tint = np.array(_TINTS[int(source.generator.integers(len(_TINTS)))], np.float64)
    texture = _lenses(axes, source.labels.shape, tint)
    rim = shaded(np.full(source.labels.shape, 0.4), tint)

    def paint(image: Image, mask: Mask) -> Image:
        inside = np.asarray(cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
        rimmed = overlay(image.copy(), rim, mask)
        return overlay(rimmed, texture, inside.view(np.bool_))

    return Occluder(growth, paint)


def _parts(axes: FaceAxes, pair: _Pair) -> list[NDArray[np.float64]]:
    """Return the outlines (K, 2) of lenses, bridge and arms in pixels."""
    unit = max(axes.distance, 0.36 * axes.width)
    half_eyes = axes.distance / 2
    half_width, half_height = pair.half_width * axes.distance, pair.half_height * unit
    turns = np.arange(48) * (2 * np.pi / 48)
    # A superellipse of exponent 3 whose lower half is slightly narrower, like a lens.
    across = np.sign(np.cos(turns)) * np.abs(np.cos(turns)) ** (2 / 3)
    down = np.sign(np.sin(turns)) * np.abs(np.sin(turns)) ** (2 / 3)
    lens = np.stack([across * half_width * (1 - 0.08 * down), down * half_height], axis=1)
    lens[:, 1] += 0.12 * half_height  # glasses are worn slightly below the pupils
    inner, bridge = half_eyes - 0.6 * half_width, pair.bridge * unit
    parts = [lens + np.array([side * half_eyes, 0]) for side in (-1, 1)]
    parts.append(_bar(-inner, inner, -0.25 * half_height, bridge))
    outer = half_eyes + 0.6 * half_width
    for side in (-1, 1):
        temple = max(outer, side * axes.middle + axes.width / 2)
        parts.append(_bar(side * outer, side * temple, -0.25 * half_height, pair.temple * unit))
    return [axes.points(part) for part in parts]


def _bar(start: float, end: float, height: float, thickness: float) -> NDArray[np.float64]:
    """Return a bar (4, 2) parallel to the line of the eyes, centred `height` below it."""
    top, bottom = height - thickness / 2, height + thickness / 2
    return np.array([[start, top], [end, top], [end, bottom], [start, bottom]])


def _lenses(axes: FaceAxes, size: tuple[int, int], tint: NDArray[np.float64]) -> Image:
    """Return glass (H, W, 3): dark at the top, paler below, with a slanted reflection."""
    height, width = size
    across = np.arange(width)[None, :] - axes.origin[0]
    down = np.arange(height)[:, None] - axes.origin[1]
    depth = (across * axes.down[0] + down * axes.down[1]) / axes.distance
    slant = (across * (axes.along[0] + 0.6 * axes.down[0])) / axes.distance
    slant = slant + (down * (axes.along[1] + 0.6 * axes.down[1])) / axes.distance
    light = 1 + np.clip(depth + 0.3, 0, 1) * 0.9
    light = light + 1.2 * (np.abs((slant + 0.12) % 1.0 - 0.5) < 0.06)
    return shaded(light, tint)
