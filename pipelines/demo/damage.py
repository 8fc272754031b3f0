"""What an occluder does to labels that it does not cover.

There is no truth for a visitor's photograph: labels of the occluded photograph are compared
with those of the same network for the photograph as it was. Shapes: H rows, W columns.
"""

from dataclasses import dataclass

import numpy as np

from faceseg.classes import ClassSet
from faceseg.metrics import confusion
from faceseg.robustness.occlusion import Occlusion
from pipelines.demo.photograph import Pixels

FEWEST = 20  # visible pixels below which a class is too small to be called the most hurt


@dataclass(frozen=True)
class Damage:
    """Shares in [0, 1].

    changed: of the visible pixels, those with another label than before; NaN if none is
    visible. lost: by class, of its visible pixels; NaN for a class without any. worst: the id
    of the foreground class that lost most, the lower of equals; None if none lost a pixel.
    still_face: of the covered pixels, those labelled as face all the same; NaN if none is
    covered, or if the face shows through.
    """

    changed: float
    lost: tuple[float, ...]
    worst: int | None
    still_face: float


def damage(before: Pixels, after: Pixels, occlusion: Occlusion, classes: ClassSet) -> Damage:
    """Compare labels (H, W) of a photograph and of the same photograph occluded."""
    covered = occlusion.mask & (occlusion.label is not None)
    visible = ~covered
    counts = confusion(before[visible], after[visible], len(classes))
    there, kept = counts.sum(axis=1), np.diag(counts)
    with np.errstate(invalid="ignore"):
        lost = 1 - kept / there
        changed = 1 - kept.sum() / there.sum()
    hidden = after[covered]
    still_face = float(np.isin(hidden, classes.face).mean()) if hidden.size else float("nan")
    worst = max(
        (each for each in range(1, len(classes)) if there[each] >= FEWEST and lost[each] > 0),
        key=lambda each: (lost[each], -each),
        default=None,
    )
    return Damage(float(changed), tuple(lost.tolist()), worst, still_face)
