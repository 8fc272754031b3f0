"""The face's own axes: the positions of the eyes and the roll of the head, from the labels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.occluder import Mask, OccluderInput, mask_of_ids

Floats = NDArray[np.float64]

# Position of the eyes in a face's bounding box of width and height 1, if no pixel is labelled eye.
_EYE_HEIGHT = 0.38
_EYE_DISTANCE = 0.42


@dataclass(frozen=True, kw_only=True)
class FaceAxes:
    """Axes with the origin between the eyes. Lengths are in pixels.

    Attributes:
        left: The eye (x, y) on the left of the image.
        right: The other eye.
        along: The unit vector from the left eye to the right one.
        down: The unit vector from the eyes to the mouth.
        width: The extent of the face along `along`, at least 1.
        middle: The middle of this extent, relative to the origin.
        above: The extent of the face above the origin.
        below: The extent of the face below the origin, at least 1.
    """

    left: Floats
    right: Floats
    along: Floats
    down: Floats
    width: float
    middle: float
    above: float
    below: float

    @property
    def origin(self) -> Floats:
        """The point between the eyes."""
        return (self.left + self.right) / 2

    @property
    def distance(self) -> float:
        """The distance between the eyes in pixels."""
        return float(np.hypot(*(self.right - self.left)))

    def points(self, positions: Floats) -> Floats:
        """Return the points (x, y) of positions (K, 2): pixels along and down from the origin."""
        return self.origin + positions[:, :1] * self.along + positions[:, 1:] * self.down


def face_axes_of(source: OccluderInput) -> FaceAxes:
    """Compute the axes of a face from its labels.

    Without eye pixels, the eyes are assumed level, at their usual positions in the face's
    bounding box. With one eye, the other is assumed level with it, at the usual distance
    towards the middle of the box.
    """
    left, right = _eyes(source)
    step = right - left
    along = step / np.hypot(*step)
    down = np.array([-along[1], along[0]])
    rows, columns = np.nonzero(source.face)
    offsets = np.stack([columns, rows], axis=1) - (left + right) / 2
    # Without 1 % on each side, so that a stray pixel does not widen the face.
    first, last = np.percentile(offsets @ along, [1, 99])
    above, below = np.percentile(offsets @ down, [1, 99.5])
    return FaceAxes(
        left=left,
        right=right,
        along=along,
        down=down,
        width=max(1.0, float(last - first)),
        middle=float(first + last) / 2,
        above=float(-above),
        below=max(1.0, float(below)),
    )


def _eyes(source: OccluderInput) -> tuple[Floats, Floats]:
    """Return the two eyes (x, y), the one on the left of the image first."""
    box = source.box
    usual = box.width * _EYE_DISTANCE
    middle = np.array([box.left + box.width / 2, box.top + box.height * _EYE_HEIGHT])
    found = _eye_centres(source)
    if len(found) == 2 and np.hypot(*(found[1] - found[0])) > 0.15 * box.width:
        first, second = sorted(found, key=lambda point: float(point[0]))
        return first, second
    half = np.array([usual / 2, 0.0])
    if not found:
        return middle - half, middle + half
    eye = found[0]
    if eye[0] < middle[0]:
        return eye, eye + 2 * half
    return eye - 2 * half, eye


def _eye_centres(source: OccluderInput) -> list[Floats]:
    """Return the centres of up to two eyes: one for each class, or two of a single class."""
    ids = source.classes.eyes
    if len(ids) == 1:
        return _largest_parts(mask_of_ids(source.labels, ids), limit=2)
    return [part for each in ids for part in _largest_parts(source.labels == each, limit=1)][:2]


def _largest_parts(mask: Mask, limit: int) -> list[Floats]:
    """Return the centres (x, y) of the largest connected parts, the largest first."""
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")[:limit]
    return [np.asarray(centres[1 + place], np.float64) for place in order]
