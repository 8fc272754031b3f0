"""The first section of the report: which network to use, and how certain that is."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.compare.analysis.comparisons import Comparison, Measurements
from pipelines.compare.formatting import format_percent, join_words
from pipelines.compare.report.comparison_text import (
    difference_from,
    format_difference,
    score_with_interval,
)
from pipelines.compare.study_data.study_results import DEFAULT_STORE, ComparedStudy
from pipelines.config.secrets import redact

MAX_DIFFERENCES = 3  # listed differences from other networks; of more, the nearest is named
SPEED_TOLERANCE = 0.02  # IoU that the fastest network may lose against the best one

Certainty = Literal["sure", "sure for these finals", "not sure", "nothing to compare"]
ONE_SEED = " A network has only one seed: another training may give another result."
BUSY = (
    "may have been timed while other programs used the machine, so the order may be that of the "
    "contention: see the column 'load'."
)
NO_OTHER = "There is no other network to compare it with."


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The network for one goal, with its score, the certainty of the choice and the reason."""

    question: str
    name: str
    figure: str
    certainty: Certainty
    words: str


def advise(measurements: Measurements) -> list[Advice]:
    """Return the best network for each goal; none if no network has learned enough to compare."""
    names = [model.name for model in measurements.models if model.is_architecture]
    if not any(measurements.has_learned(name) for name in names):
        return []
    every = [
        _advise_best(measurements, names, "Best overall", "iou"),
        _advise_best(measurements, names, "Best on small parts", "iou_small"),
        _advise_fastest(measurements, names),
        _advise_best(measurements, names, "Most robust under occlusion", "occlusion/mean/iou"),
    ]
    return [advice for advice in every if advice]


def use_command(study: ComparedStudy, name: str) -> str:
    """Return the command that labels photographs with an architecture's best version."""
    address = f"models:/{study.settings.tracking.registered_model}@best-{name}"
    words = ["faceseg", "predict", address, "PHOTOS", "--out", "masks"]
    if study.tracking_uri != DEFAULT_STORE:
        words += ["--tracking", redact(study.tracking_uri)]
    return shlex.join(words)


def _advise_best(
    measurements: Measurements, names: Sequence[str], question: str, measure: str
) -> Advice | None:
    """Return the best network in an image measure; None if it was not measured."""
    if measure not in measurements.measures:
        return None
    values = {name: _value(measurements, name, measure) for name in names}
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    if not values:
        return None
    best = max(values, key=lambda name: values[name])
    compared = [
        measurements.compare(best, name, measure, margin=0.0) for name in values if name != best
    ]
    certainty, words = _certainty([each for each in compared if isinstance(each, Comparison)])
    if measure.startswith("occlusion"):
        words += _retention_sentence(measurements, best)
    described = measurements.measures[measure].words
    return Advice(
        question=question,
        name=best,
        figure=f"{described}: {score_with_interval(measurements, best, measure)}",
        certainty=certainty,
        words=words,
    )


def _value(measurements: Measurements, name: str, measure: str) -> float:
    score = measurements.value(name, measure)
    return score.value if score else math.nan


def _certainty(comparisons: Sequence[Comparison]) -> tuple[Certainty, str]:
    """Return whether the first network is better than each of the others, with certainty."""
    if not comparisons:
        return "nothing to compare", NO_OTHER
    uncertain = [each for each in comparisons if each.verdict != "supported"]
    if not uncertain:
        words = f"It is better than each of the others: {_nearest_differences(comparisons)}."
        return _sure(comparisons, words)
    better = [each.second for each in comparisons if each.verdict == "supported"]
    rivals = join_words([each.second for each in uncertain])
    words = f"{rivals} may be as good: {_differences(uncertain)}."
    if better:
        words += f" {comparisons[0].first} is better than {join_words(better)}."
    return "not sure", words


def _differences(comparisons: Sequence[Comparison]) -> str:
    return join_words([difference_from(each) for each in comparisons])


def _nearest_differences(comparisons: Sequence[Comparison]) -> str:
    """Return the differences of one network from all others, or from the nearest of many."""
    if len(comparisons) <= MAX_DIFFERENCES:
        return _differences(comparisons)
    nearest = min(comparisons, key=lambda each: each.estimate.value)
    return f"{difference_from(nearest)}, and more against the {len(comparisons) - 1} others"


def _retention_sentence(measurements: Measurements, name: str) -> str:
    retention = _value(measurements, name, "occlusion/mean/retention")
    if math.isnan(retention):
        return ""
    return f" {name} keeps {format_percent(retention)} of its clean IoU."


def _advise_fastest(measurements: Measurements, names: Sequence[str]) -> Advice | None:
    """Return the fastest network among those whose IoU is close to the best one's."""
    values = {name: _value(measurements, name, "iou") for name in names}
    best = max(values, key=lambda name: values[name])
    near = [name for name in names if values[name] >= values[best] - SPEED_TOLERANCE]
    speeds = {name: _milliseconds(measurements, name) for name in near}
    if not all(math.isfinite(speed) for speed in speeds.values()):
        return None
    fastest = min(near, key=lambda name: speeds[name])
    if fastest == best and len(near) == 1:
        certainty, words = _certainty_alone(measurements, best, names)
    else:
        certainty, words = _certainty_of_speed(measurements, fastest, best, near)
    iou = score_with_interval(measurements, fastest, "iou")
    return Advice(
        question=f"Fastest within {SPEED_TOLERANCE} IoU of the best",
        name=fastest,
        figure=f"{speeds[fastest]:.1f} ms per image; IoU {iou}",
        certainty=certainty,
        words=words,
    )


def _certainty_of_speed(
    measurements: Measurements, fastest: str, best: str, near: Sequence[str]
) -> tuple[Certainty, str]:
    """Return whether the fastest of several is faster, and loses little, with certainty."""
    compared = [measurements.compare(fastest, name, "latency") for name in near if name != fastest]
    comparisons = [each for each in compared if isinstance(each, Comparison)]
    sure = all(each.verdict == "contradicted" for each in comparisons)
    words = f"It is the fastest of {join_words(near)}: its time is {_differences(comparisons)}."
    if fastest != best:
        gap = measurements.compare(best, fastest, "iou", margin=SPEED_TOLERANCE)
        if isinstance(gap, Comparison):
            words += f" {best} is above it in IoU by {format_difference(gap)}"
            if gap.estimate.high > SPEED_TOLERANCE:
                sure = False
                words += f", possibly by more than {SPEED_TOLERANCE}"
            words += "."
    if busy := dict.fromkeys(name for each in comparisons for name in each.busy):
        words += f" {join_words(list(busy))} {BUSY}"
    return ("sure" if sure else "not sure"), words


def _certainty_alone(
    measurements: Measurements, best: str, names: Sequence[str]
) -> tuple[Certainty, str]:
    """Return whether no other network is close to the best one, with certainty."""
    others = [name for name in names if name != best]
    if not others:
        return "nothing to compare", NO_OTHER
    compared = [measurements.compare(best, name, "iou", margin=SPEED_TOLERANCE) for name in others]
    comparisons = [each for each in compared if isinstance(each, Comparison)]
    sure = all(each.verdict == "supported" for each in comparisons)
    nearest = _nearest_differences(comparisons)
    words = f"No other network is within {SPEED_TOLERANCE} IoU of it: {nearest}."
    return _sure(comparisons, words) if sure else ("not sure", words)


def _sure(comparisons: Sequence[Comparison], words: str) -> tuple[Certainty, str]:
    """Return the certainty of decided comparisons; one seed limits it to these finals."""
    if min(seeds for each in comparisons for seeds in each.estimate.seeds) > 1:
        return "sure", words
    return "sure for these finals", words + ONE_SEED


def _milliseconds(measurements: Measurements, name: str) -> float:
    finals = measurements.model(name).finals
    return float(np.mean([final.metric("latency/p50_ms") for final in finals]))
