"""The face's own axes, read off its labels: where the eyes are and how the head is tilted."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.occluder import Mask, OccluderInput, mask_of_ids

Floats = NDArray[np.float64]

# Where the eyes are in a face box of width and height 1, when no label says so.
_EYE_HEIGHT = 0.38
_EYE_DISTANCE = 0.42


@dataclass(frozen=True)
class FaceAxes:
    """Axes with the origin between the eyes.

    `left` and `right` are the eyes (x, y), left in the image first; `along` points from
    one to the other, `down` from the eyes to the mouth, both of length 1. `width` is the
    face's extent along, `above` and `below` how far it goes up and down from the origin,
    `middle` its middle along; all in pixels, width and below at least 1.
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
        """From eye to eye, in pixels."""
        return float(np.hypot(*(self.right - self.left)))

    def points(self, places: Floats) -> Floats:
        """Turn places (K, 2), along and down in pixels from the origin, into points (x, y)."""
        return self.origin + places[:, :1] * self.along + places[:, 1:] * self.down


def face_axes_of(scene: OccluderInput) -> FaceAxes:
    """Read the axes off the labels.

    Without eye pixels the eyes are taken level, at their usual places in the face's box;
    with one eye, the other at its usual distance, level, towards the box's middle.
    """
    left, right = _eyes(scene)
    step = right - left
    along = step / np.hypot(*step)
    down = np.array([-along[1], along[0]])
    rows, columns = np.nonzero(scene.face)
    offsets = np.stack([columns, rows], axis=1) - (left + right) / 2
    # 1 % on each side is left out: a stray pixel must not widen the face.
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


def _eyes(scene: OccluderInput) -> tuple[Floats, Floats]:
    """Return the two eyes (x, y), left in the image first."""
    box = scene.box
    usual = box.width * _EYE_DISTANCE
    middle = np.array([box.left + box.width / 2, box.top + box.height * _EYE_HEIGHT])
    found = _eye_centres(scene)
    if len(found) == 2 and np.hypot(*(found[1] - found[0])) > 0.15 * box.width:
        first, second = sorted(found, key=lambda point: float(point[0]))
        return first, second
    half = np.array([usual / 2, 0.0])
    if not found:
        return middle - half, middle + half
    seen = found[0]
    if seen[0] < middle[0]:
        return seen, seen + 2 * half
    return seen - 2 * half, seen


def _eye_centres(scene: OccluderInput) -> list[Floats]:
    """Return the centres of up to two eyes: one a class, or two parts of a single class."""
    ids = scene.classes.eyes
    if len(ids) == 1:
        return _largest_parts(mask_of_ids(scene.labels, ids), limit=2)
    return [part for each in ids for part in _largest_parts(scene.labels == each, limit=1)][:2]


def _largest_parts(mask: Mask, limit: int) -> list[Floats]:
    """Return the centres (x, y) of the largest connected parts, the largest first."""
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")[:limit]
    return [np.asarray(centres[1 + place], np.float64) for place in order]
