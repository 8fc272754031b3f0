"""Summaries of a table of scores under a suite.

The severity is the covered share of the face under `occ-v1` (for a kind with natural steps, the
mean coverage of the step), and the kind's own steps under the other suites.

Retention, IoU(s) / IoU(0), is the share of the score that a model keeps. A predictor that ignores
its input (the mean label map) keeps all of its low score, and agrees with itself under every
shift. Relative figures are therefore defined only for a model that is better than such a blind
predictor: pass its clean IoU as `blind`, and they are NaN at or below it. `iou`, the mean of the
curve itself, and the corruption error do not have this weakness.
NaN (an undefined score) propagates to every figure that depends on it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import Counts
from faceseg.robustness.geometry import CONSISTENCY

MAX_SHARE = 0.5  # the largest severity of an area under a curve

Curve = Mapping[float, float]  # score by severity


@dataclass(frozen=True, kw_only=True)
class RobustnessSummary:
    """The summary of one model under one suite.

    Attributes:
        retention: Mean retention over the severities, by kind.
        iou: Mean IoU over the severities, by kind.
        mean_retention: Mean over the kinds.
        mean_iou: Mean over the kinds.
        worst_kind: The kind with the lowest retention (the first of equals); None if a
            retention is undefined.
    """

    retention: dict[str, float]
    iou: dict[str, float]
    mean_retention: float
    mean_iou: float
    worst_kind: str | None


def summarise(
    table: Mapping[str, Curve], clean: float, *, by_share: bool = True, blind: float = 0.0
) -> RobustnessSummary:
    """Summarise the scores of one model.

    Args:
        table: {kind: {severity: IoU}}.
        clean: The IoU of the unchanged images.
        by_share: Whether severities are shares of the face (`Suite.by_share`). The mean over
            them is then the area under the curve from 0 to 0.5 over its length; otherwise all
            severities have the same weight.
        blind: The clean IoU of the mean label map. If `clean` is not above it, retention is
            NaN.

    Raises:
        ValueError: The table has no kind, a kind has no severity, or with `by_share` a severity
            is no share of the face.
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
    """Divide each score by the clean one; NaN if `clean` is NaN or not above `blind`."""
    if not clean > blind:
        return dict.fromkeys(curve, math.nan)
    return {severity: score / clean for severity, score in curve.items()}


def curve_area(curve: Curve, start: float) -> float:
    """Return the area under a curve over its length: its mean height.

    The curve is linear between its points, starts at severity 0 with the height `start`, and
    ends at 0.5, or at the last severity if that is smaller.

    Args:
        curve: Scores by severity, which are shares of the face in (0, 1].
        start: The score at severity 0.

    Raises:
        ValueError: The curve is empty, or a severity is out of range.
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
    """Return the mean of 1 - IoU over the severities, by kind; input of `corruption_errors`."""
    return {kind: 1 - _curve_mean(curve, 0.0) for kind, curve in table.items()}


def corruption_errors(
    errors: Mapping[str, float], reference: Mapping[str, float]
) -> dict[str, float]:
    """Return each kind's error relative to a reference model's error.

    The mean over the kinds is the mean corruption error (mCE) of Hendrycks and Dietterich 2019,
    with 1 - IoU as the error.

    Args:
        errors: The model's `mean_errors`.
        reference: The reference model's `mean_errors`.

    Returns:
        The ratio by kind; NaN where the reference's error is 0.

    Raises:
        ValueError: The reference lacks a kind.
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
    """Return the consistency of predictions under a flip and a shift, by kind.

    It is the mean IoU between the prediction of the moved image and the moved prediction of the
    clean image. Only flip and shift are used, because they lose no detail.

    Args:
        agreement: {kind: {severity: IoU}} under the policy `agreement`.
        clean: The IoU of the clean images against the truth.
        blind: The clean IoU of the mean label map.

    Returns:
        The mean IoU by kind; NaN if `clean` is not above `blind`, because a constant prediction
        agrees with itself.
    """
    return {
        kind: _curve_mean(curve, 0.0) if clean > blind else math.nan
        for kind, curve in agreement.items()
        if kind in CONSISTENCY
    }


def occluder_rates(counts: Counts, classes: ClassSet, label: int = 0) -> tuple[float, float]:
    """Return rejection and hallucination on the pixels that an occluder covers.

    A predictor that always returns `label` has a rejection of 1.

    Args:
        counts: The confusion matrix (C, C) of the covered pixels; only its columns are used.
        classes: The class set.
        label: The id that the covered pixels show: background, or hair under strands.

    Returns:
        (rejection, hallucination): the shares predicted as `label` and as a part of the face.
        Both are NaN without pixels.
    """
    predicted = counts.sum(axis=0)
    pixels = int(predicted.sum())
    if pixels == 0:
        return math.nan, math.nan
    face = int(predicted[list(classes.face)].sum())
    return int(predicted[label]) / pixels, face / pixels


def _curve_mean(curve: Curve, start: float) -> float:
    """Return the mean over the severities; `start`, the clean score, is not used."""
    if not curve:
        raise ValueError("a kind was scored at no severity")
    return _mean(curve.values())


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
