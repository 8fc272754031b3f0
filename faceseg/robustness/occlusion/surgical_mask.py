"""A surgical mask that ends at the chin, at the tip of the nose, or at its bridge."""

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
    shaded,
    texture_painter,
)

STEPS = (1.0, 2.0, 3.0)

_TOPS = (0.56, 0.34, 0.16)  # upper edge, as a share of the distance from the eyes to the chin
_CLOTHS = ((120, 170, 205), (235, 235, 232), (40, 42, 46), (150, 195, 180), (215, 165, 175))


def lower_face(source: OccluderInput) -> Occluder:
    """Draw a pleated mask that rolls with the head and ends at the jaw; it has three steps.

    Its outline is the convex outline of the face, slightly widened. If the face's class
    includes the neck, the mask ends one face width below the eyes. Straps run to the ears.
    """
    axes = face_axes_of(source)
    along, down = _coordinates(axes, source.labels.shape)
    chin = min(axes.below, 0.95 * axes.width)
    hull = _hull(source.face, round(0.02 * axes.width))
    half = 0.45 * axes.width
    bow = 0.16 * chin * np.square(along / (axes.width / 2))
    body = hull & (np.abs(along - axes.middle) <= half) & (down <= 1.03 * chin - 2 * bow)
    growth = np.full(source.labels.shape, NEVER, np.int32)
    for step, top in reversed(list(enumerate(_TOPS, start=1))):
        worn = body & (down >= top * chin + bow)
        growth[worn] = step
        _draw_straps(growth, worn, axes, step)
    cloth = np.array(_CLOTHS[int(source.generator.integers(len(_CLOTHS)))], np.float64)
    skin = source.colour_of((source.classes.skin,), otherwise=(160, 160, 160))
    cloth = cloth * np.clip(skin.mean() / 130, 0.35, 1.0)  # a dark scene has a dark mask
    return Occluder(growth, texture_painter(_pleats(cloth, axes, along, down, chin)))


def _coordinates(
    axes: FaceAxes, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pixel's coordinates along and down from the origin of the axes, both (H, W)."""
    height, width = size
    across = np.arange(width)[None, :] - axes.origin[0]
    lower = np.arange(height)[:, None] - axes.origin[1]
    return (
        across * axes.along[0] + lower * axes.along[1],
        across * axes.down[0] + lower * axes.down[1],
    )


def _hull(face: Mask, margin: int) -> Mask:
    """Return the face's filled convex outline, widened by `margin` pixels."""
    contours, _ = cv2.findContours(
        face.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.convexHull(np.concatenate(contours))
    filled = np.zeros(face.shape, np.uint8)
    cv2.fillPoly(filled, [hull], 1.0)
    wider = cv2.dilate(filled, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    return np.asarray(wider, np.bool_)


def _draw_straps(growth: NDArray[np.int32], cloth: Mask, axes: FaceAxes, step: int) -> None:
    """Write the step into `growth` along straps from the cloth's outermost points to the ears."""
    rows, columns = np.nonzero(cloth)
    if len(rows) == 0:
        return
    along = columns * axes.along[0] + rows * axes.along[1]
    thickness = max(1, round(0.014 * axes.width))
    for side, place in ((-1, int(along.argmin())), (1, int(along.argmax()))):
        ear = np.array([[axes.middle + side * 0.49 * axes.width, 0.12 * axes.width]])
        column, row = (round(float(value)) for value in axes.points(ear)[0])
        corner = (int(columns[place]), int(rows[place]))
        cv2.line(growth, corner, (column, row), float(step), thickness)


def _pleats(
    cloth: NDArray[np.float64],
    axes: FaceAxes,
    along: NDArray[np.float64],
    down: NDArray[np.float64],
    chin: float,
) -> Image:
    """Draw cloth (H, W, 3): three pleats, darker towards the sides and the chin."""
    fold = (down / chin * 5) % 1.0
    light = 1.0 - 0.16 * (fold > 0.86) + 0.06 * fold
    light = light - 0.22 * np.square(np.clip((along - axes.middle) / (axes.width / 2), -1, 1))
    light = light - 0.15 * np.clip(down / chin - 0.7, 0, 1)
    return shaded(light, cloth)
