"""A surgical mask over the lower face: worn on the chin, on the nose's tip, on its bridge."""

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

_TOPS = (0.56, 0.34, 0.16)  # of the way from the eyes to the chin, in the middle of the face
_CLOTHS = ((120, 170, 205), (235, 235, 232), (40, 42, 46), (150, 195, 180), (215, 165, 175))


def lower_face(scene: OccluderInput) -> Occluder:
    """Draw a pleated mask down to the jaw, following the head's tilt; three steps.

    Its outline is the convex outline of the face, a little wider; where the face's class
    runs on into the neck, it ends a face's width below the eyes. Straps run to the ears.
    """
    frame = face_axes_of(scene)
    along, down = _coordinates(frame, scene.labels.shape)
    chin = min(frame.below, 0.95 * frame.width)
    hull = _hull(scene.face, round(0.02 * frame.width))
    half = 0.45 * frame.width
    bow = 0.16 * chin * np.square(along / (frame.width / 2))
    body = hull & (np.abs(along - frame.middle) <= half) & (down <= 1.03 * chin - 2 * bow)
    growth = np.full(scene.labels.shape, NEVER, np.int32)
    for step, top in reversed(list(enumerate(_TOPS, start=1))):
        worn = body & (down >= top * chin + bow)
        growth[worn] = step
        _draw_straps(growth, worn, frame, step)
    cloth = np.array(_CLOTHS[int(scene.generator.integers(len(_CLOTHS)))], np.float64)
    skin = scene.colour_of((scene.classes.skin,), otherwise=(160, 160, 160))
    cloth = cloth * np.clip(skin.mean() / 130, 0.35, 1.0)  # a dark scene has a dark mask
    return Occluder(growth, texture_painter(_pleats(cloth, frame, along, down, chin)))


def _coordinates(
    frame: FaceAxes, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far along and down each pixel lies from the frame's origin, both (H, W)."""
    height, width = size
    across = np.arange(width)[None, :] - frame.origin[0]
    lower = np.arange(height)[:, None] - frame.origin[1]
    return (
        across * frame.along[0] + lower * frame.along[1],
        across * frame.down[0] + lower * frame.down[1],
    )


def _hull(face: Mask, margin: int) -> Mask:
    """Return the face's convex outline, filled, `margin` pixels wider."""
    contours, _ = cv2.findContours(
        face.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.convexHull(np.concatenate(contours))
    filled = np.zeros(face.shape, np.uint8)
    cv2.fillPoly(filled, [hull], 1.0)
    wider = cv2.dilate(filled, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    return np.asarray(wider, np.bool_)


def _draw_straps(growth: NDArray[np.int32], cloth: Mask, frame: FaceAxes, step: int) -> None:
    """Enter straps into `growth`, from the outermost points of the cloth up to the ears."""
    rows, columns = np.nonzero(cloth)
    if len(rows) == 0:
        return
    along = columns * frame.along[0] + rows * frame.along[1]
    thickness = max(1, round(0.014 * frame.width))
    for side, place in ((-1, int(along.argmin())), (1, int(along.argmax()))):
        ear = np.array([[frame.middle + side * 0.49 * frame.width, 0.12 * frame.width]])
        column, row = (round(float(value)) for value in frame.points(ear)[0])
        corner = (int(columns[place]), int(rows[place]))
        cv2.line(growth, corner, (column, row), float(step), thickness)


def _pleats(
    cloth: NDArray[np.float64],
    frame: FaceAxes,
    along: NDArray[np.float64],
    down: NDArray[np.float64],
    chin: float,
) -> Image:
    """Draw cloth (H, W, 3): three pleats, darker towards the sides and the chin."""
    fold = (down / chin * 5) % 1.0
    light = 1.0 - 0.16 * (fold > 0.86) + 0.06 * fold
    light = light - 0.22 * np.square(np.clip((along - frame.middle) / (frame.width / 2), -1, 1))
    light = light - 0.15 * np.clip(down / chin - 0.7, 0, 1)
    return shaded(light, cloth)
