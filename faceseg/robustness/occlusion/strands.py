"""Strands of the head's own hair, falling over the face one after the other."""

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
_MOST = 60  # batches after which a face that will not be covered is given up
_ENOUGH = 0.55  # of the face; the protocol asks for 0.50
_SUBPIXEL = 4
_DARK_BROWN = (52, 38, 28)  # for a head without hair


def strands(scene: OccluderInput) -> Occluder:
    """Draw thin tapered curves from above the hairline; covered pixels are hair.

    A higher severity has more strands, the last of them perhaps not grown to its tip.
    """
    hair = scene.classes.hair
    if hair is None:
        raise ValueError("strands need a class set with hair")
    frame = face_axes_of(scene)
    growth = np.full(scene.labels.shape, NEVER, np.int32)
    for batch in range(_MOST):
        _grow(growth, _curves(scene, frame), frame, batch * _BATCH)
        if (growth[scene.face] != NEVER).mean() >= _ENOUGH:
            break
    base = scene.colour_of((hair,), otherwise=_DARK_BROWN)
    shades = base * scene.generator.uniform(0.78, 1.22, (_MOST * _BATCH, 1))
    colours = np.clip(shades, 0, 255).astype(np.uint8)

    drawn = growth != NEVER
    texture: Image = np.zeros((*growth.shape, 3), np.uint8)
    texture[drawn] = colours[(growth[drawn] - 1) // _STEPS]
    return Occluder(growth, texture_painter(texture), label=hair)


def _curves(scene: OccluderInput, frame: FaceAxes) -> Floats:
    """Draw a batch of quadratic Bezier curves (batch, steps + 1, 2) in pixels, roots first."""
    generator = scene.generator
    tall = frame.above + frame.below
    root_along = generator.uniform(-0.55, 0.55, _BATCH) * frame.width
    root_down = -frame.above - generator.uniform(0.0, 0.12, _BATCH) * tall
    length = generator.uniform(0.55, 1.1, _BATCH) * tall
    drift = generator.normal(0, 0.14, _BATCH) * frame.width
    bend = generator.normal(0, 0.16, _BATCH) * frame.width
    roots = np.stack([frame.middle + root_along, root_down], axis=1)
    tips = roots + np.stack([drift, length], axis=1)
    turns = (roots + tips) / 2 + np.stack([bend, 0 * bend], axis=1)
    step = (np.arange(_STEPS + 1) / _STEPS)[None, :, None]
    places = (
        roots[:, None] * (1 - step) ** 2
        + turns[:, None] * (2 * step * (1 - step))
        + tips[:, None] * step**2
    )
    return frame.points(places.reshape(-1, 2)).reshape(places.shape)


def _grow(growth: NDArray[np.int32], curves: Floats, frame: FaceAxes, first: int) -> None:
    """Enter strands into `growth`, the turn of each piece where no earlier one lies."""
    drawn = np.full(growth.shape, NEVER, np.int32)
    thickest = 0.020 * frame.width
    corners = np.rint(curves * 2**_SUBPIXEL).astype(int).tolist()
    for strand in reversed(range(len(corners))):
        points = corners[strand]
        for piece in reversed(range(_STEPS)):
            turn = (first + strand) * _STEPS + piece + 1
            thickness = max(1, round(thickest * _taper(piece)))
            cv2.line(
                drawn, points[piece], points[piece + 1], float(turn), thickness, shift=_SUBPIXEL
            )
    np.minimum(growth, drawn, out=growth)


def _taper(piece: int) -> float:
    """Return a piece's share of the greatest thickness, which lies a third of the way down."""
    place = (piece + 0.5) / _STEPS
    return 0.5 + 1.5 * place if place < 1 / 3 else 1.5 * (1 - place)
