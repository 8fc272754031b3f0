"""Strands of the head's own hair, which cover the face one after the other."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.face_axes import FaceAxes, Floats, face_axes_of
from faceseg.robustness.occlusion.occluder import (
    NEVER,
    Image,
    Occluder,
    OccluderInput,
    texture_painter,
)

_STEPS = 12  # pieces of a strand, from its root to its tip
_BATCH = 16  # strands drawn at a time
_MAX_BATCHES = 60  # the limit for a face that strands cannot cover
_ENOUGH = 0.55  # share of the face to cover; the protocol needs 0.50
_SUBPIXEL = 4  # binary digits after the point in the corners given to OpenCV
_DARK_BROWN = (52, 38, 28)  # for a head without hair


def strands(source: OccluderInput) -> Occluder:
    """Draw thin tapered curves that start above the hairline; covered pixels are hair.

    A higher severity has more strands; the last of them may be incomplete.
    """
    hair = source.classes.hair
    if hair is None:
        raise ValueError("strands need a class set with hair")
    axes = face_axes_of(source)
    growth = np.full(source.labels.shape, NEVER, np.int32)
    for batch in range(_MAX_BATCHES):
        _grow(growth, _curves(source, axes), axes, batch * _BATCH)
        if (growth[source.face] != NEVER).mean() >= _ENOUGH:
            break
    base = source.colour_of((hair,), otherwise=_DARK_BROWN)
    shades = base * source.generator.uniform(0.78, 1.22, (_MAX_BATCHES * _BATCH, 1))
    colours = np.clip(shades, 0, 255).astype(np.uint8)

    drawn = growth != NEVER
    texture: Image = np.zeros((*growth.shape, 3), np.uint8)
    texture[drawn] = colours[(growth[drawn] - 1) // _STEPS]
    return Occluder(growth, texture_painter(texture), label=hair)


def _curves(source: OccluderInput, axes: FaceAxes) -> Floats:
    """Return a batch of random quadratic Bezier curves (batch, steps + 1, 2) in pixels.

    Each curve starts at its root.
    """
    generator = source.generator
    tall = axes.above + axes.below
    root_along = generator.uniform(-0.55, 0.55, _BATCH) * axes.width
    root_down = -axes.above - generator.uniform(0.0, 0.12, _BATCH) * tall
    length = generator.uniform(0.55, 1.1, _BATCH) * tall
    drift = generator.normal(0, 0.14, _BATCH) * axes.width
    bend = generator.normal(0, 0.16, _BATCH) * axes.width
    roots = np.stack([axes.middle + root_along, root_down], axis=1)
    tips = roots + np.stack([drift, length], axis=1)
    turns = (roots + tips) / 2 + np.stack([bend, 0 * bend], axis=1)
    step = (np.arange(_STEPS + 1) / _STEPS)[None, :, None]
    places = (
        roots[:, None] * (1 - step) ** 2
        + turns[:, None] * (2 * step * (1 - step))
        + tips[:, None] * step**2
    )
    return axes.points(places.reshape(-1, 2)).reshape(places.shape)


def _grow(growth: NDArray[np.int32], curves: Floats, axes: FaceAxes, first: int) -> None:
    """Write strands into `growth`: the rank of each piece, except over earlier pieces."""
    drawn = np.full(growth.shape, NEVER, np.int32)
    thickest = 0.020 * axes.width
    corners = np.rint(curves * 2**_SUBPIXEL).astype(int).tolist()
    for strand in reversed(range(len(corners))):
        points = corners[strand]
        for piece in reversed(range(_STEPS)):
            rank = (first + strand) * _STEPS + piece + 1
            thickness = max(1, round(thickest * _taper(piece)))
            cv2.line(
                drawn, points[piece], points[piece + 1], float(rank), thickness, shift=_SUBPIXEL
            )
    np.minimum(growth, drawn, out=growth)


def _taper(piece: int) -> float:
    """Return a piece's share of the greatest thickness, which is at a third of the length."""
    place = (piece + 0.5) / _STEPS
    return 0.5 + 1.5 * place if place < 1 / 3 else 1.5 * (1 - place)
