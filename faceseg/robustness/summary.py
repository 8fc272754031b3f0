"""What a table of scores under occlusion comes to.

Severity is the share of the face covered. For a kind with natural steps the key is the
mean coverage its step reached on the split, not the step's number.

Retention, IoU(s)/IoU(0), says what a model keeps of what it had, and a predictor that
looks at nothing (the mean label map) keeps all of its little: so retention is never read
without `iou`, the area under the IoU curve itself, which such a predictor cannot win.
NaN (an undefined score) spreads to every figure that rests on it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from faceseg.classes import ClassSet
from faceseg.metrics import Counts

FARTHEST = 0.5  # the severity up to which areas are taken

Curve = Mapping[float, float]  # score by severity


@dataclass(frozen=True)
class Summary:
    """One model's figures. By kind: `retention` and `iou`, areas normalised to length 1.

    `mean_retention` and `mean_iou` are means over the kinds; `worst_kind` is the kind of
    least retention (the first of equals), None where retention is undefined.
    """

    retention: dict[str, float]
    iou: dict[str, float]
    mean_retention: float
    mean_iou: float
    worst_kind: str | None


def summarise(table: Mapping[str, Curve], clean: float) -> Summary:
    """Sum up {kind: {severity: IoU}} beside the IoU of the images as they are.

    With a clean IoU of 0 nothing can be retained: retention is NaN, not 1.
    Raises ValueError if a kind or a severity is missing or no share of the face.
    """
    if not table:
        raise ValueError("no occlusion kind was scored")
    iou = {kind: curve_area(curve, clean) for kind, curve in table.items()}
    kept = {kind: curve_area(retention(curve, clean), 1.0) for kind, curve in table.items()}
    undefined = any(math.isnan(value) for value in kept.values())
    return Summary(
        retention=kept,
        iou=iou,
        mean_retention=_mean(kept.values()),
        mean_iou=_mean(iou.values()),
        worst_kind=None if undefined else min(kept, key=lambda kind: kept[kind]),
    )


def retention(curve: Curve, clean: float) -> dict[float, float]:
    """Divide each score by the clean one; NaN where that is 0 or NaN."""
    if not clean > 0:
        return dict.fromkeys(curve, math.nan)
    return {severity: score / clean for severity, score in curve.items()}


def curve_area(curve: Curve, start: float) -> float:
    """Area under the curve from severity 0, where it is `start`, over its length.

    It is taken up to 0.5, or up to the last severity if that is less: a curve that loses
    nothing has the area `start`.
    """
    severities = sorted(curve)
    if not severities or severities[0] <= 0 or severities[-1] > 1:
        raise ValueError(f"severities {severities}: expected shares of the face, above 0 up to 1")
    places = np.array([0.0, *severities])
    scores = np.array([start, *(curve[severity] for severity in severities)])
    end = min(FARTHEST, severities[-1])
    inside = places < end
    kept_places = np.append(places[inside], end)
    kept_scores = np.append(scores[inside], np.interp(end, places, scores))
    return float(np.trapezoid(kept_scores, kept_places) / end)


def occluder_rates(counts: Counts, classes: ClassSet, label: int = 0) -> tuple[float, float]:
    """Return (rejection, hallucination) from the confusion (C, C) of covered pixels alone.

    Rejection is the share predicted as what is seen there (`label`: background, or hair
    under strands), hallucination the share predicted as a part of the face. Both are NaN
    without pixels. The rows do not matter.
    """
    predicted = counts.sum(axis=0)
    pixels = int(predicted.sum())
    if pixels == 0:
        return math.nan, math.nan
    face = int(predicted[list(classes.face)].sum())
    return int(predicted[label]) / pixels, face / pixels


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
