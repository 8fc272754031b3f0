"""LaPa's landmarks: reading them, checking them against the mask, and estimating the yaw.

A file contains the number 106, then 106 lines `x y`. Some files are known to be wrong, so the
points are compared with the mask before they are used.

Source of the point indices: JDAI-CV/lapa-dataset. The corners of eyes and mouth follow from
the pairs that a mirror exchanges, as listed in OpenMMLab's mmpose.
Shapes: H rows, W columns; points (106, 2), x to the right and y down, in pixels.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.file_reading import read_at_most
from faceseg.data.problems import BadFile

Points = NDArray[np.float64]

LANDMARK_COUNT = 106
MAX_BYTES = 100_000  # a file has 4 kB
EYES = (slice(66, 75), slice(75, 84))  # left and right in the image
INNER = slice(51, 104)  # nose, eyes and lips
TOLERANCE = 1 / 3  # largest distance between mask and points, as a share of the eye distance

# Positions of some of the points on a head, in cm: x right in the image, y down, z to the viewer.
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
    """Read a landmark file.

    Returns:
        The points (106, 2), x and y in pixels.

    Raises:
        BadFile: The file is unreadable or does not contain 106 finite points.
    """
    expected = f"the number {LANDMARK_COUNT}, then {LANDMARK_COUNT} lines 'x y' in pixels"
    try:
        text = read_at_most(path, MAX_BYTES).decode()
        numbers = np.array([float(word) for word in text.split()])
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
    """Return whether the points are on the face of labels (H, W).

    The centre of each class of eyes in the mask must be near one of the landmarks' eyes, or
    near their midpoint (one class may contain both eyes). If no eye is visible, the centre of
    the landmarks of nose, eyes and lips must be within the bounding box of the face. Without a
    face the result is False.
    """
    left, right = (points[each].mean(axis=0) for each in EYES)
    tolerance = TOLERANCE * float(np.hypot(*(right - left)))
    eyes = [_pixels(labels == each) for each in classes.eyes]
    eyes = [pixels for pixels in eyes if len(pixels)]
    if eyes:
        expected = np.stack([left, right, (left + right) / 2])
        distances = [np.hypot(*(expected - pixels.mean(axis=0)).T).min() for pixels in eyes]
        return bool(max(distances) < tolerance)
    face = _pixels(np.isin(labels, classes.face))
    middle = points[INNER].mean(axis=0)
    if not len(face):
        return False
    return bool(((face.min(axis=0) <= middle) & (middle <= face.max(axis=0))).all())


def yaw_degrees(points: Points) -> float:
    """Estimate the head's rotation about its vertical axis from points (106, 2).

    Seven points of a generic head are fitted to the image by least squares, under a scaled
    orthographic projection (DeMenthon and Davis 1995, the step they call POS). Pitch and roll
    of the head do not change the result. It is accurate to a few degrees only: real heads
    differ from the generic one, and perspective exaggerates the yaw (measured on the generic
    head: by a tenth from 1 m, a quarter from 40 cm).

    Returns:
        The yaw in degrees; positive if the head looks right in the image.
    """
    head = np.array(list(HEAD_POINTS_CM.values()))
    image = points[list(HEAD_POINTS_CM)]
    fit, *_ = np.linalg.lstsq(head - head.mean(axis=0), image - image.mean(axis=0), rcond=None)
    across, down = fit.T
    sideways, _, ahead = np.cross(across, down)  # times a positive number: the angle is the same
    return float(np.degrees(np.arctan2(-sideways, ahead)))


def _pixels(mask: NDArray[np.bool_]) -> Points:
    """Return the positions (x, y) of the pixels of a mask (H, W), shape (P, 2)."""
    return np.argwhere(mask)[:, ::-1].astype(np.float64)
