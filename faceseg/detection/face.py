"""A detected face, and the interface of a detector.

Coordinates: x to the right and y down, in pixels of the photograph; a pixel covers one unit, so its
centre is at one half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Point = tuple[float, float]

MAX_FACES = 32  # of one photograph; the surest are kept
MAX_OVERLAP = 0.3  # IoU of the boxes of two faces, as in BlazeFace


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face in a photograph.

    Attributes:
        box: x and y of the top left corner, width and height.
        roll: The clockwise rotation of the face in degrees, -180 to 180; 0 is upright.
        score: The detector's confidence, in [0, 1].
        keypoints: The eye on the left of an upright face, the other eye, the tip of the nose and
            the centre of the mouth.
    """

    box: tuple[float, float, float, float]
    roll: float
    score: float
    keypoints: tuple[Point, Point, Point, Point]

    @property
    def centre(self) -> Point:
        """The centre of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    @property
    def size(self) -> float:
        """The longer side of the box."""
        return max(self.box[2:])


class FaceDetector(Protocol):
    """Finds the faces of a photograph."""

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces of an image, uint8 RGB (H, W, 3): at most `MAX_FACES`, surest first."""
        ...


def face_from_keypoints(
    box: tuple[float, float, float, float], score: float, keypoints: NDArray[np.floating]
) -> Face:
    """Return a face with the roll of its keypoints, (4, 2), in the order of `Face.keypoints`.

    The roll is that of the line between the eyes, plus that from their centre to the mouth turned
    by 90 degrees: in a profile the eyes are close together, in a face that looks up or down the
    mouth is close to them.
    """
    left, right, _, mouth = keypoints
    across, down = right - left, mouth - (left + right) / 2
    roll = math.degrees(math.atan2(across[1] - down[0], across[0] + down[1]))
    one, two, three, four = ((float(x), float(y)) for x, y in keypoints)
    return Face(box=box, roll=roll, score=score, keypoints=(one, two, three, four))


def distinct_faces(faces: Sequence[Face], rows: int, columns: int) -> list[Face]:
    """Return the surest of faces whose boxes overlap, at most `MAX_FACES`, surest first.

    Faces whose centre is outside the image of `rows` and `columns` are left out.
    """
    faces = [face for face in faces if 0 <= face.centre[0] < columns and 0 <= face.centre[1] < rows]
    boxes, scores = [face.box for face in faces], [face.score for face in faces]
    kept = cv2.dnn.NMSBoxes(boxes, scores, 0.0, MAX_OVERLAP)
    return [faces[index] for index in np.ravel(kept)[:MAX_FACES]]


def turned_back(
    points: NDArray[np.float64], turns: int, rows: int, columns: int
) -> NDArray[np.float64]:
    """Return points (..., 2) of `np.rot90(image, turns)` in an image of `rows` and `columns`."""
    x, y = points[..., 0], points[..., 1]
    back = ((x, y), (columns - y, x), (columns - x, rows - y), (y, rows - x))[turns]
    return np.stack(back, axis=-1)
