"""The kinds of geo-v1 and their severities.

- `resolution`: the factor by which detail is reduced (1 is full detail).
- `framing`: the factor of the face's size in the frame.
- `roll`: degrees; the direction is random for each image.
- `flip`: left to right, with one severity.
- `shift`: a share of the width and of the height, in whole pixels; the diagonal is random.

Rotation and scaling are about the middle of the face, so that it stays in the picture, or about
the middle of the picture if there is no face.
"""

import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.robustness.geometry.moves import (
    Labels,
    Move,
    less_detail,
    mirrored,
    rolled,
    shifted,
    zoomed_in,
    zoomed_out,
)
from faceseg.robustness.seeds import generator_for

VERSION = "geo-v1"

_SEVERITIES = {
    "resolution": (1.5, 2.0, 3.0, 4.0, 6.0),
    "framing": (0.5, 0.7, 1.4, 2.0),
    "roll": (15.0, 30.0, 45.0, 60.0, 75.0, 90.0),
    "flip": (1.0,),
    "shift": (0.01, 0.02, 0.04, 0.08),
}
_FACTORS = ("resolution", "framing")  # their severity is a factor, which is neutral at 1

KINDS = tuple(_SEVERITIES)
CONSISTENCY = ("flip", "shift")  # kinds under which predictions should move with the picture


def severities(kind: str) -> tuple[float, ...]:
    """Return the severities of a kind; raise UserError for an unknown kind."""
    if kind not in _SEVERITIES:
        raise UserError(f"There is no geometry kind {kind!r}: expected one of {', '.join(KINDS)}.")
    return _SEVERITIES[kind]


def neutral(kind: str) -> float:
    """Return the severity at which a kind changes nothing."""
    return 1.0 if kind in _FACTORS else 0.0


def moves_for(labels: Labels, image_id: str, kind: str, classes: ClassSet) -> list[Move]:
    """Return the moves of a kind for one image, one for each severity.

    The same arguments give the same moves anywhere, in any order.

    Args:
        labels: The labels (H, W) of the image.
        image_id: The id of the image, a part of the key of its random numbers.
        kind: One of `KINDS`.
        classes: The class set of the labels.

    Raises:
        UserError: The kind is unknown.
    """
    size = (labels.shape[0], labels.shape[1])
    steps = severities(kind)
    signs = generator_for(VERSION, kind, image_id).choice((-1, 1), 2).tolist()
    if kind == "resolution":
        return [less_detail(size, step) for step in steps]
    if kind == "framing":
        centre = _middle(labels, classes)
        return [(zoomed_out if step < 1 else zoomed_in)(size, centre, step) for step in steps]
    if kind == "roll":
        return [rolled(size, _middle(labels, classes), signs[0] * step) for step in steps]
    if kind == "flip":
        return [mirrored(classes)]
    across, down = (
        [sign * max(1, round(step * side)) for step in steps]
        for sign, side in zip(signs, (size[1], size[0]), strict=True)
    )
    return [shifted(size, *each) for each in zip(across, down, strict=True)]


def _middle(labels: Labels, classes: ClassSet) -> tuple[float, float]:
    """Return the centre (x, y) of the face's pixels, or of the picture if there are none."""
    rows, columns = np.nonzero(np.isin(labels, classes.face))
    if len(rows) == 0:
        return (labels.shape[1] - 1) / 2, (labels.shape[0] - 1) / 2
    return float(columns.mean()), float(rows.mean())
