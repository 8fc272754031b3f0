"""LaPa's landmarks: which way a head is turned, where the file can be believed.

A file holds the number 106, then 106 lines `x y`. Some files are known to be wrong, so the
points are held against the mask before anything is taken from them.

Which point is which: JDAI-CV/lapa-dataset; the pairs that a mirror exchanges, as listed in
OpenMMLab's mmpose, tell the corners of eyes and mouth.
Shapes: H rows, W columns; points (106, 2), x to the right and y down, in pixels.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.problems import BadFile

Points = NDArray[np.float64]

LANDMARK_COUNT = 106
EYES = (slice(66, 75), slice(75, 84))  # left and right in the image
INNER = slice(51, 104)  # nose, eyes and lips
TOLERANCE = 1 / 3  # of the distance between the eyes: as far as mask and points may disagree

# Where on a head some of the points lie, in cm: x right in the image, y down, z to the viewer.
# They are the corners of the eyes, the tip of the nose and the corners of the mouth (vertices
# 33, 133, 362, 263, 1, 61, 291) of MediaPipe's canonical face model.
HEAD_POINTS_CM = {
    66: (-4.445859, -2.663991, 3.173422),
    70: (-1.856432, -2.585245, 3.757904),
    75: (1.856432, -2.585245, 3.757904),
    79: (4.445859, -2.663991, 3.173422),
    54: (0.0, 1.126865, 7.475604),
    84: (-2.456206, 4.342621, 4.283884),
    90: (2.456206, 4.342621, 4.283884),
}


def read_landmarks(path: Path) -> Points:
    """Return the points (106, 2) of a landmark file. Raises BadFile."""
    expected = f"the number {LANDMARK_COUNT}, then {LANDMARK_COUNT} lines 'x y' in pixels"
    try:
        numbers = np.array([float(word) for word in path.read_text("utf-8").split()])
    except (OSError, ValueError) as error:
        raise BadFile(path, f"cannot be read as numbers ({error})", expected) from error
    if (
        len(numbers) != 1 + 2 * LANDMARK_COUNT
        or numbers[0] != LANDMARK_COUNT
        or not np.isfinite(numbers).all()
    ):
        raise BadFile(path, f"{len(numbers)} numbers, or one that is not finite", expected)
    return numbers[1:].reshape(LANDMARK_COUNT, 2)


def landmarks_match_mask(points: Points, labels: NDArray[np.uint8], classes: ClassSet) -> bool:
    """Say whether the points lie on the face of labels (H, W).

    Each class of eyes that the mask shows must have its middle near one of the landmarks'
    eyes, or between them (a class may hold both). A face without visible eyes must hold the
    middle of nose, eyes and lips within its bounding box. No face: no.
    """
    left, right = (points[each].mean(axis=0) for each in EYES)
    reach = TOLERANCE * float(np.hypot(*(right - left)))
    seen = [_pixels(labels == each) for each in classes.eyes]
    seen = [pixels for pixels in seen if len(pixels)]
    if seen:
        places = np.stack([left, right, (left + right) / 2])
        away = [np.hypot(*(places - pixels.mean(axis=0)).T).min() for pixels in seen]
        return bool(max(away) < reach)
    face = _pixels(np.isin(labels, classes.face))
    middle = points[INNER].mean(axis=0)
    if not len(face):
        return False
    return bool(((face.min(axis=0) <= middle) & (middle <= face.max(axis=0))).all())


def yaw_degrees(points: Points) -> float:
    """Estimate the turn of the head about its vertical; positive looks right in the image.

    Seven points of a generic head are laid on the image by least squares, under a scaled
    orthographic projection (DeMenthon and Davis 1995, the step they call POS). A nod or a tilt
    of the head changes nothing. Good to some degrees only: no head is the generic one, and
    perspective exaggerates a turn (measured on it: by a tenth from 1 m, a quarter from 40 cm).
    """
    head = np.array(list(HEAD_POINTS_CM.values()))
    seen = points[list(HEAD_POINTS_CM)]
    fit, *_ = np.linalg.lstsq(head - head.mean(axis=0), seen - seen.mean(axis=0), rcond=None)
    across, down = fit.T
    sideways, _, ahead = np.cross(across, down)  # times a positive number: the angle is the same
    return float(np.degrees(np.arctan2(-sideways, ahead)))


def _pixels(mask: NDArray[np.bool_]) -> Points:
    """Return the places (x, y) of the pixels of a mask (H, W), shape (P, 2)."""
    return np.argwhere(mask)[:, ::-1].astype(np.float64)
