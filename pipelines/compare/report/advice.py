"""Which network to use for what, and how sure that is: the first screen of the report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.compare.analysis.comparisons import Comparison, Measurements, PairComparison
from pipelines.compare.formatting import format_number, format_percent, format_score, join_words
from pipelines.compare.report.comparison_text import (
    difference_from,
    format_difference,
    score_with_interval,
    seed_noise_text,
)
from pipelines.compare.study_data.study_results import StudyResults, is_pretrained

SPEED_TOLERANCE = 0.02  # of IoU: what one may give up for speed

Certainty = Literal["sure", "not sure", "nothing to compare"]


@dataclass(frozen=True)
class Advice:
    """An answer: who, with which figure, how sure, and why."""

    question: str
    name: str
    figure: str
    certainty: Certainty
    words: str


def advise(evidence: Measurements) -> list[Advice]:
    """Answer each question; nothing is advised where no network has learned anything."""
    names = [each.name for each in evidence.models if each.is_architecture]
    if not any(evidence.beats_baseline(name) for name in names):
        return []
    found = [
        _advise_best(evidence, names, "Best overall", "iou"),
        _advise_best(evidence, names, "Best on small parts", "iou_small"),
        _advise_fastest(evidence, names),
        _advise_best(evidence, names, "Sturdiest under occlusion", "occlusion/mean/iou"),
    ]
    return [each for each in found if each]


def baseline_warning(evidence: Measurements) -> str:
    """Say so if no network has learned anything."""
    if any(evidence.beats_baseline(each.name) for each in evidence.models):
        return ""
    return (
        f"No network is better than the mean label map, which never looks (IoU "
        f"{format_score(evidence.baseline_iou)}): training was too short for the order to mean anything."
    )


def _advise_best(
    evidence: Measurements, names: Sequence[str], question: str, wanted: str
) -> Advice | None:
    """Name the best in a measure on photographs; None if it was not taken."""
    if wanted not in evidence.measures:
        return None
    values = {name: _value(evidence, name, wanted) for name in names}
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    if not values:
        return None
    first = max(values, key=lambda name: values[name])
    found = [evidence.compare(first, name, wanted, margin=0.0) for name in values if name != first]
    certainty, words = _certainty([each for each in found if isinstance(each, Comparison)])
    if wanted.startswith("occlusion"):
        words += _retention_sentence(evidence, first)
    figure = f"{evidence.measures[wanted].words}: {score_with_interval(evidence, first, wanted)}"
    return Advice(question, first, figure, certainty, words)


def _value(evidence: Measurements, name: str, wanted: str) -> float:
    found = evidence.value(name, wanted)
    return found.value if found else math.nan


def _certainty(found: Sequence[Comparison]) -> tuple[Certainty, str]:
    """Say whether the first is surely better than each of the others."""
    if not found:
        return "nothing to compare", "there is no other network to compare it with."
    open_ones = [each for each in found if each.verdict != "supported"]
    if not open_ones:
        return "sure", f"better than each of the others: {join_words(_differences(found))}."
    rest = [each for each in found if each.verdict == "supported"]
    words = f"{join_words([each.second for each in open_ones])} may be as good: {join_words(_differences(open_ones))}"
    if rest:
        words += f"; surely better than {join_words([each.second for each in rest])}"
    return "not sure", f"{words}."


def _differences(found: Sequence[Comparison]) -> list[str]:
    return [difference_from(each) for each in found]


def _retention_sentence(evidence: Measurements, name: str) -> str:
    found = evidence.value(name, "occlusion/mean/retention")
    if found is None or math.isnan(found.value):
        return ""
    return f" It keeps {format_percent(found.value)} of its IoU."


def _advise_fastest(evidence: Measurements, names: Sequence[str]) -> Advice | None:
    """Name the fastest of those whose IoU is near the best one's."""
    values = {name: _value(evidence, name, "iou") for name in names}
    best = max(values, key=lambda name: values[name])
    near = [name for name in names if values[name] >= values[best] - SPEED_TOLERANCE]
    speeds = {name: _milliseconds(evidence, name) for name in near}
    if not all(math.isfinite(speed) for speed in speeds.values()):
        return None
    first = min(near, key=lambda name: speeds[name])
    figure = f"{speeds[first]:.1f} ms an image; IoU {score_with_interval(evidence, first, 'iou')}"
    question = f"Fastest within {SPEED_TOLERANCE} IoU of the best"
    if first == best and len(near) == 1:
        return Advice(question, first, figure, *_certainty_alone(evidence, first, names))
    rivals = [
        each
        for name in near
        if name != first
        and isinstance(each := evidence.compare(first, name, "latency"), Comparison)
    ]
    slower = all(each.verdict == "contradicted" for each in rivals)
    words = f"among {join_words(near)}: its time is {join_words(_differences(rivals))}"
    certainty: Certainty = "sure" if slower else "not sure"
    if first != best:
        gap = evidence.compare(best, first, "iou", margin=SPEED_TOLERANCE)
        if isinstance(gap, Comparison):
            words += f"; it gives up {format_score(gap.estimate.value)} of {best}'s IoU"
            words += f" ({format_score(gap.estimate.low)} to {format_score(gap.estimate.high)})"
            if gap.estimate.high > SPEED_TOLERANCE:
                certainty = "not sure"
                words += ", and may give up more than that"
    return Advice(question, first, figure, certainty, f"{words}.")


def _certainty_alone(
    evidence: Measurements, best: str, names: Sequence[str]
) -> tuple[Certainty, str]:
    """Say how sure it is that no other comes near the best."""
    others = [name for name in names if name != best]
    if not others:
        return "nothing to compare", "there is no other network to compare it with."
    found = [evidence.compare(best, name, "iou", margin=SPEED_TOLERANCE) for name in others]
    given = [each for each in found if isinstance(each, Comparison)]
    far = all(each.verdict == "supported" for each in given)
    words = f"no other comes within {SPEED_TOLERANCE}: IoU {join_words(_differences(given))}."
    return "sure" if far else "not sure", words


def _milliseconds(evidence: Measurements, name: str) -> float:
    finals = evidence.model(name).finals
    return float(np.mean([final.metrics.get("latency/p50_ms", math.nan) for final in finals]))


# --- What the first screen says beside its answers: what surprises, and what was not learned.

SMALL_GRID = 96  # pixels; below it an eye is one or two pixels high


def summary_sentences(
    record: StudyResults, table: pd.DataFrame, evidence: Measurements, found: list[PairComparison]
) -> list[str]:
    """Return the sentences."""
    told = [
        baseline_warning(evidence),
        ranking_sentence(found),
        _unet_below_segnet(record, table, found),
    ]
    return [sentence for sentence in told if sentence]


def ranking_sentence(found: list[PairComparison]) -> str:
    """Say which differences of the test IoU are sure, from the paired intervals."""
    if not found:
        return ""
    comparisons = [pair.comparison for pair in found]
    sure = [each for each in comparisons if each.verdict == "supported"]
    open_ones = [each for each in comparisons if each.verdict != "supported"]
    parts = []
    if sure:
        named = [f"{each.first} above {each.second} by {format_difference(each)}" for each in sure]
        parts.append(f"Sure of the test IoU: {join_words(named)}")
    if open_ones:
        named = [f"{each.first} and {each.second}, {format_difference(each)}" for each in open_ones]
        parts.append(f"{'not separated' if sure else 'Not separated'}: {join_words(named)}")
    seeds = comparisons[0].estimate.seeds
    return f"{'; '.join(parts)} (95 % intervals of paired differences, {seed_noise_text(seeds)})."


def _unet_below_segnet(
    record: StudyResults, table: pd.DataFrame, found: list[PairComparison]
) -> str:
    """Explain a U-Net that is surely below a SegNet trained from scratch, from their settings."""
    wanted = {"unet", "segnet"}
    compared = [each.comparison for each in found]
    both = [each for each in compared if {each.first, each.second} == wanted]
    if any(each.verdict == "undecided" for each in both):
        return ""
    rows: dict[str, Any] = {row["architecture"]: row for row in table.to_dict("records")}
    contenders = {each.name: each for each in record.models}
    if not {"unet", "segnet"} <= set(rows) or rows["unet"]["iou"] >= rows["segnet"]["iou"]:
        return ""
    if is_pretrained(contenders["segnet"]):
        return ""
    if is_pretrained(contenders["unet"]):
        return (
            "unet ranks below segnet although its encoder is pretrained: look at its curves and "
            "its learning rate before taking this for a finding."
        )
    reasons = ["no pretrained encoder was given to it (encoder_weights: none)"]
    size = max(record.manifest.image_size)
    if size <= SMALL_GRID:
        reasons.append(
            f"on a grid of {size} pixels its finest encoder features are {size // 2} pixels wide, "
            "where segnet's first convolutions see every pixel"
        )
    ratio = rows["segnet"]["model_macs"] / rows["unet"]["model_macs"]
    if ratio >= 1.5:
        reasons.append(
            f"segnet spends {format_number(round(ratio, 1))} times the multiply-adds on an image"
        )
    return f"That unet ranks below segnet is no surprise here: {join_words(reasons, '; ')}."
