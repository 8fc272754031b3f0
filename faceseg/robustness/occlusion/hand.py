"""A hand in the face's own skin colour, which comes in from below or from a side.

Every part (arm, palm, fingers, thumb) is convex and contains one anchor in the forearm, so that
scales are nested: a higher severity is the same hand, larger and further in.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.occluder import (
    Image,
    Mask,
    Occluder,
    OccluderInput,
    Painter,
    overlay,
    shaded,
)
from faceseg.robustness.occlusion.star_shapes import DIRECTIONS, Floats, convex_reach, star_growth

# Unit: the length of the hand from the wrist to the tip of the middle finger. Coordinates are
# forward from the wrist and sideways towards the thumb. A finger: knuckle, tip, radius.
_FINGERS = (
    ((0.50, 0.165), (0.91, 0.24), 0.052),
    ((0.53, 0.057), (1.00, 0.08), 0.054),
    ((0.51, -0.053), (0.94, -0.09), 0.051),
    ((0.45, -0.158), (0.78, -0.25), 0.044),
    ((0.20, 0.17), (0.50, 0.36), 0.056),  # the thumb
)
_PALM = (
    (0.02, 0.15),
    (0.20, 0.22),
    (0.50, 0.21),
    (0.54, 0.06),
    (0.52, -0.06),
    (0.45, -0.20),
    (0.15, -0.19),
    (0.02, -0.14),
)
_ELBOW = 1.3  # distance of the anchor behind the wrist
_ARM = 0.15  # half the forearm's width


def hand(source: OccluderInput) -> Occluder:
    """Draw an open left or right hand that points into the face, with randomly spread fingers."""
    generator, box = source.generator, source.box
    length = 0.95 * math.sqrt(box.height * box.width)
    turn = math.radians(float(generator.uniform(-75, 75)))  # from upright
    forward = np.array([math.sin(turn), -math.cos(turn)])
    sideways = np.array([-forward[1], forward[0]]) * float(generator.choice((-1, 1)))
    spread = float(generator.uniform(0.75, 1.35))
    shift = generator.uniform(-0.12, 0.12, 2) * (box.width, box.height)
    target = np.array([box.left + box.width / 2, box.top + box.height / 2]) + shift
    anchor = target - forward * (_ELBOW + 0.62) * length
    reach = np.zeros(DIRECTIONS)
    for part in _parts(spread):
        moved = part + np.array([_ELBOW, 0.0])
        points = (moved[:, :1] * forward + moved[:, 1:] * sideways) * length
        reach = np.maximum(reach, convex_reach(points))
    growth = star_growth(source.labels.shape, (float(anchor[0]), float(anchor[1])), reach)
    skin = source.colour_of((source.classes.skin,), otherwise=(200, 160, 135))
    skin = skin * float(generator.uniform(0.98, 1.10))
    return Occluder(growth, _skin_paint(skin, 0.05 * length, source))


def _parts(spread: float) -> list[Floats]:
    """Return the convex outlines (K, 2) of arm, palm and fingers, forward and sideways.

    All of them contain the anchor, `_ELBOW` behind the wrist.
    """
    anchor = (-_ELBOW, 0.0)
    arm = np.array([[-4.0, -0.2], [-4.0, 0.2], [0.05, _ARM], [0.05, -_ARM]])
    palm = _hull(np.concatenate([np.array(_PALM), _disc(anchor, 0.1)]))
    fingers = []
    for knuckle, tip, radius in _FINGERS:
        end = (tip[0], knuckle[1] + (tip[1] - knuckle[1]) * spread)
        discs = [_disc(anchor, 0.02), _disc(knuckle, radius), _disc(end, 0.88 * radius)]
        fingers.append(_hull(np.concatenate(discs)))
    return [arm, palm, *fingers]


def _disc(centre: tuple[float, float], radius: float) -> Floats:
    """Return twelve points (12, 2) on a circle."""
    turns = np.arange(12) * (2 * math.pi / 12)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius + centre


def _hull(points: Floats) -> Floats:
    """Return the convex outline of points (K, 2)."""
    hull: NDArray[np.float32] = np.asarray(cv2.convexHull(points.astype(np.float32)))
    return hull[:, 0].astype(np.float64)


def _skin_paint(skin: Floats, thickness: float, source: OccluderInput) -> Painter:
    """Return a painter of a rounded, slightly mottled body in the RGB colour `skin` (3,).

    It gets darker towards its edge over `thickness` pixels.
    """
    height, width = source.labels.shape
    coarse = source.generator.normal(0, 1, (12, 12)).astype(np.float32)
    mottle = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 0.03

    def paint(image: Image, mask: Mask) -> Image:
        depth = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
        edge = np.clip(depth / thickness, 0, 1)
        light = 0.62 + 0.40 * np.sqrt(edge * (2 - edge)) + mottle
        return overlay(image.copy(), shaded(light, skin), mask)

    return paint
