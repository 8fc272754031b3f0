"""What a table of scores under a suite comes to.

Severity is the share of the face covered under `occ-v1` (for a kind with natural steps, the
mean coverage that its step reached), and the kind's own steps under the other suites.

Retention, IoU(s) / IoU(0), says what a model keeps of what it had. A predictor that looks at
nothing (the mean label map) keeps all of its little, and agrees with itself under every shift.
So what is relative is defined only for a model that is better than blind: give `blind`, the
clean IoU of the mean label map, and at or below it these figures are NaN. `iou`, the mean of
the curve itself, and the corruption error cannot be won in that way.
NaN (an undefined score) spreads to every figure that rests on it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import Counts
from faceseg.robustness.geometry import CONSISTENCY

MAX_SHARE = 0.5  # the severity up to which areas are taken

Curve = Mapping[float, float]  # score by severity


@dataclass(frozen=True)
class RobustnessSummary:
    """One model's figures. By kind: `retention` and `iou`, means over the severities.

    `mean_retention` and `mean_iou` are means over the kinds; `worst_kind` is the kind of
    least retention (the first of equals), None where retention is undefined.
    """

    retention: dict[str, float]
    iou: dict[str, float]
    mean_retention: float
    mean_iou: float
    worst_kind: str | None


def summarise(
    table: Mapping[str, Curve], clean: float, *, by_share: bool = True, blind: float = 0.0
) -> RobustnessSummary:
    """Sum up {kind: {severity: IoU}} beside the IoU of the images as they are.

    by_share: severities are shares of the face (`Suite.by_share`), and the mean over them is
    the area under the curve from 0 to 0.5 over its length; otherwise they count alike.
    Where `clean` is not above `blind` nothing can be retained: retention is NaN, not 1.
    Raises ValueError if a kind or a severity is missing or no share of the face.
    """
    if not table:
        raise ValueError("no kind was scored")
    average = curve_area if by_share else _curve_mean
    iou = {kind: average(curve, clean) for kind, curve in table.items()}
    kept = {kind: average(retention(curve, clean, blind), 1.0) for kind, curve in table.items()}
    undefined = any(math.isnan(value) for value in kept.values())
    return RobustnessSummary(
        retention=kept,
        iou=iou,
        mean_retention=_mean(kept.values()),
        mean_iou=_mean(iou.values()),
        worst_kind=None if undefined else min(kept, key=lambda kind: kept[kind]),
    )


def retention(curve: Curve, clean: float, blind: float = 0.0) -> dict[float, float]:
    """Divide each score by the clean one; NaN where that is NaN or not above `blind`."""
    if not clean > blind:
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
    end = min(MAX_SHARE, severities[-1])
    inside = places < end
    kept_places = np.append(places[inside], end)
    kept_scores = np.append(scores[inside], np.interp(end, places, scores))
    return float(np.trapezoid(kept_scores, kept_places) / end)


def mean_errors(table: Mapping[str, Curve]) -> dict[str, float]:
    """Return the mean over the severities of 1 - IoU, by kind: what pins a reference model."""
    return {kind: 1 - _curve_mean(curve, 0.0) for kind, curve in table.items()}


def corruption_errors(
    errors: Mapping[str, float], reference: Mapping[str, float]
) -> dict[str, float]:
    """Return each kind's error as a share of a reference model's; both from `mean_errors`.

    1 is the reference's own. Their mean over the kinds is the mean corruption error (mCE) of
    Hendrycks and Dietterich 2019, with 1 - IoU for the error. NaN where the reference makes no
    error. Raises ValueError if a kind is not in the reference.
    """
    if missing := [kind for kind in errors if kind not in reference]:
        raise ValueError(
            f"the reference has no error for {', '.join(missing)}; it has {', '.join(reference)}"
        )
    return {
        kind: error / reference[kind] if reference[kind] > 0 else math.nan
        for kind, error in errors.items()
    }


def consistency(
    agreement: Mapping[str, Curve], clean: float, blind: float = 0.0
) -> dict[str, float]:
    """Return by kind how far predictions move with the picture: the mean IoU of two of them.

    agreement: {kind: {severity: IoU}} under the policy `agreement`, of which those kinds are
    taken for which it is meant: a flip and a shift, that take nothing away. `clean` is the IoU
    against the truth; NaN where it is not above `blind`, since a fixed answer agrees with itself.
    """
    return {
        kind: _curve_mean(curve, 0.0) if clean > blind else math.nan
        for kind, curve in agreement.items()
        if kind in CONSISTENCY
    }


def occluder_rates(counts: Counts, classes: ClassSet, label: int = 0) -> tuple[float, float]:
    """Return (rejection, hallucination) from the confusion (C, C) of covered pixels alone.

    Rejection is the share predicted as what is seen there (`label`: background, or hair
    under strands), hallucination the share predicted as a part of the face. Both are NaN
    without pixels. The rows do not matter. Who always answers `label` rejects everything.
    """
    predicted = counts.sum(axis=0)
    pixels = int(predicted.sum())
    if pixels == 0:
        return math.nan, math.nan
    face = int(predicted[list(classes.face)].sum())
    return int(predicted[label]) / pixels, face / pixels


def _curve_mean(curve: Curve, start: float) -> float:
    """Mean over the severities, all alike; `start`, the clean score, is none of them."""
    if not curve:
        raise ValueError("a kind was scored at no severity")
    return _mean(curve.values())


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
