"""The kinds of occ-v1, what each needs of a class set, and the severities of each."""

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
REFERENCE_KIND = "gray_square_translucent"  # the reference study's; no part of occ-v1

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
    """Return the kinds of occ-v1 that can be drawn for this class set, in the usual order."""
    return tuple(kind for kind in KINDS if _missing(kind, classes) is None)


def severities(kind: str) -> tuple[float, ...]:
    """Return the severities of a kind: shares of the face, or 1, 2, 3 for natural steps.

    A step's coverage depends on the face; an `Occlusion` reports it.
    """
    _known(kind)
    return _STEPS.get(kind, SEVERITIES)


def has_steps(kind: str) -> bool:
    """Say whether the kind has natural steps in place of shares of the face."""
    _known(kind)
    return kind in _STEPS


def draw_function(kind: str, classes: ClassSet) -> Callable[[OccluderInput], Occluder]:
    """Look a kind up; UserError if there is none, or if the class set has no part for it."""
    _known(kind)
    if missing := _missing(kind, classes):
        raise UserError(
            f"Occlusion kind {kind!r} needs a class set with {missing}; this one has "
            f"{', '.join(classes.names)}. Name its id under `{missing}`, or choose among "
            f"{', '.join(kinds_for(classes))}."
        )
    return _DRAW[kind]


def check_severity(kind: str, severity: float) -> None:
    """Raise UserError unless this severity can be asked of this kind."""
    if has_steps(kind):
        if severity not in _STEPS[kind]:
            steps = ", ".join(f"{step:g}" for step in _STEPS[kind])
            raise UserError(f"Severity {severity:g} of {kind!r}: it has the steps {steps}.")
    elif not 0 < severity <= SEVERITIES[-1]:
        raise UserError(
            f"Severity {severity:g} of {kind!r}: expected a share of the face above 0 and "
            f"up to {SEVERITIES[-1]:g}, such as {SEVERITIES[1]:g}."
        )


def _known(kind: str) -> None:
    if kind not in _DRAW:
        raise UserError(f"There is no occlusion kind {kind!r}: expected one of {', '.join(_DRAW)}.")


def _missing(kind: str, classes: ClassSet) -> str | None:
    """Return the part of the class set that this kind needs and does not find."""
    if kind == "eye_band" and not classes.eyes:
        return "eyes"
    if kind == "strands" and classes.hair is None:
        return "hair"
    return None
