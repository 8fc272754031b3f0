"""The kinds of occ-v1, the classes that each requires, and their severities."""

from collections.abc import Callable

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.robustness.occlusion import glasses, surgical_mask
from faceseg.robustness.occlusion.hand import hand
from faceseg.robustness.occlusion.occluder import Occluder, OccluderInput
from faceseg.robustness.occlusion.shapes import blob, gray_square, gray_square_translucent, patches
from faceseg.robustness.occlusion.strands import strands

VERSION = "occ-v1"
SEVERITIES = (0.05, 0.10, 0.20, 0.35, 0.50)  # shares of the face covered
REFERENCE_KIND = "gray_square_translucent"  # of the reference study; not part of occ-v1

_DRAW: dict[str, Callable[[OccluderInput], Occluder]] = {
    "gray_square": gray_square,
    "blob": blob,
    "eye_band": glasses.eye_band,
    "lower_face": surgical_mask.lower_face,
    "hand": hand,
    "strands": strands,
    "patches": patches,
    REFERENCE_KIND: gray_square_translucent,
}
_STEPS = {"eye_band": glasses.STEPS, "lower_face": surgical_mask.STEPS}

KINDS = tuple(kind for kind in _DRAW if kind != REFERENCE_KIND)


def kinds_for(classes: ClassSet) -> tuple[str, ...]:
    """Return the kinds of occ-v1 that can be drawn for this class set, in a fixed order."""
    return tuple(kind for kind in KINDS if _missing(kind, classes) is None)


def severities(kind: str) -> tuple[float, ...]:
    """Return the severities of a kind: shares of the face, or 1, 2, 3 for natural steps.

    The coverage of a step depends on the face; `Occlusion.coverage` contains it.

    Raises:
        UserError: The kind is unknown.
    """
    _known(kind)
    return _STEPS.get(kind, SEVERITIES)


def has_steps(kind: str) -> bool:
    """Return whether the severities of a kind are natural steps, not shares of the face.

    Raises:
        UserError: The kind is unknown.
    """
    _known(kind)
    return kind in _STEPS


def draw_function(kind: str, classes: ClassSet) -> Callable[[OccluderInput], Occluder]:
    """Return the function that draws a kind.

    Raises:
        UserError: The kind is unknown, or the class set lacks a class that it requires.
    """
    _known(kind)
    if missing := _missing(kind, classes):
        raise UserError(
            f"Occlusion kind {kind!r} needs a class set with {missing}; this one has "
            f"{', '.join(classes.names)}. Name its id under `{missing}`, or choose among "
            f"{', '.join(kinds_for(classes))}."
        )
    return _DRAW[kind]


def check_severity(kind: str, severity: float) -> None:
    """Raise UserError unless this kind has this severity."""
    if has_steps(kind):
        if severity not in _STEPS[kind]:
            steps = ", ".join(f"{step:g}" for step in _STEPS[kind])
            raise UserError(
                f"Severity {severity:g} of {kind!r}: expected one of the steps {steps}."
            )
    elif not 0 < severity <= SEVERITIES[-1]:
        raise UserError(
            f"Severity {severity:g} of {kind!r}: expected a share of the face above 0 and "
            f"up to {SEVERITIES[-1]:g}, such as {SEVERITIES[1]:g}."
        )


def _known(kind: str) -> None:
    if kind not in _DRAW:
        raise UserError(f"There is no occlusion kind {kind!r}: expected one of {', '.join(_DRAW)}.")


def _missing(kind: str, classes: ClassSet) -> str | None:
    """Return the field of the class set that this kind requires, if it is empty."""
    if kind == "eye_band" and not classes.eyes:
        return "eyes"
    if kind == "strands" and classes.hair is None:
        return "hair"
    return None
