"""Which network to use for what, and how sure that is: the first screen of the report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.compare.evidence import Comparison, Evidence
from pipelines.compare.formats import listed, percent, score
from pipelines.compare.wording import against, with_interval

CLOSE = 0.02  # of IoU: what one may give up for speed

Certainty = Literal["sure", "not sure", "nothing to compare"]


@dataclass(frozen=True)
class Advice:
    """An answer: who, with which figure, how sure, and why."""

    question: str
    name: str
    figure: str
    certainty: Certainty
    words: str


def advice(evidence: Evidence) -> list[Advice]:
    """Answer each question; nothing is advised where no network has learned anything."""
    names = [each.name for each in evidence.contenders if each.is_architecture]
    if not any(evidence.learned(name) for name in names):
        return []
    found = [
        _best(evidence, names, "Best overall", "iou"),
        _best(evidence, names, "Best on small parts", "iou_small"),
        _fastest(evidence, names),
        _best(evidence, names, "Sturdiest under occlusion", "occlusion/mean/iou"),
    ]
    return [each for each in found if each]


def not_learned(evidence: Evidence) -> str:
    """Say so if no network has learned anything."""
    if any(evidence.learned(each.name) for each in evidence.contenders):
        return ""
    return (
        f"No network is better than the mean label map, which never looks (IoU "
        f"{score(evidence.blind)}): training was too short for the order to mean anything."
    )


def _best(evidence: Evidence, names: Sequence[str], question: str, wanted: str) -> Advice | None:
    """Name the best in a measure on photographs; None if it was not taken."""
    if wanted not in evidence.table:
        return None
    values = {name: _value(evidence, name, wanted) for name in names}
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    if not values:
        return None
    first = max(values, key=lambda name: values[name])
    found = [evidence.compare(first, name, wanted, margin=0.0) for name in values if name != first]
    certainty, words = _surely([each for each in found if isinstance(each, Comparison)])
    if wanted.startswith("occlusion"):
        words += _also_kept(evidence, first)
    figure = f"{evidence.table[wanted].words}: {with_interval(evidence, first, wanted)}"
    return Advice(question, first, figure, certainty, words)


def _value(evidence: Evidence, name: str, wanted: str) -> float:
    found = evidence.value(name, wanted)
    return found.value if found else math.nan


def _surely(found: Sequence[Comparison]) -> tuple[Certainty, str]:
    """Say whether the first is surely better than each of the others."""
    if not found:
        return "nothing to compare", "there is no other network to compare it with."
    open_ones = [each for each in found if each.verdict != "supported"]
    if not open_ones:
        return "sure", f"better than each of the others: {listed(_all(found))}."
    rest = [each for each in found if each.verdict == "supported"]
    words = (
        f"{listed([each.second for each in open_ones])} may be as good: {listed(_all(open_ones))}"
    )
    if rest:
        words += f"; surely better than {listed([each.second for each in rest])}"
    return "not sure", f"{words}."


def _all(found: Sequence[Comparison]) -> list[str]:
    return [against(each) for each in found]


def _also_kept(evidence: Evidence, name: str) -> str:
    found = evidence.value(name, "occlusion/mean/retention")
    if found is None or math.isnan(found.value):
        return ""
    return f" It keeps {percent(found.value)} of its IoU."


def _fastest(evidence: Evidence, names: Sequence[str]) -> Advice | None:
    """Name the fastest of those whose IoU is near the best one's."""
    values = {name: _value(evidence, name, "iou") for name in names}
    best = max(values, key=lambda name: values[name])
    near = [name for name in names if values[name] >= values[best] - CLOSE]
    speeds = {name: _milliseconds(evidence, name) for name in near}
    if not all(math.isfinite(speed) for speed in speeds.values()):
        return None
    first = min(near, key=lambda name: speeds[name])
    figure = f"{speeds[first]:.1f} ms an image; IoU {with_interval(evidence, first, 'iou')}"
    question = f"Fastest within {CLOSE} IoU of the best"
    if first == best and len(near) == 1:
        return Advice(question, first, figure, *_alone(evidence, first, names))
    rivals = [
        each
        for name in near
        if name != first
        and isinstance(each := evidence.compare(first, name, "latency"), Comparison)
    ]
    slower = all(each.verdict == "contradicted" for each in rivals)
    words = f"among {listed(near)}: its time is {listed(_all(rivals))}"
    certainty: Certainty = "sure" if slower else "not sure"
    if first != best:
        gap = evidence.compare(best, first, "iou", margin=CLOSE)
        if isinstance(gap, Comparison):
            words += f"; it gives up {score(gap.estimate.value)} of {best}'s IoU"
            words += f" ({score(gap.estimate.low)} to {score(gap.estimate.high)})"
            if gap.estimate.high > CLOSE:
                certainty = "not sure"
                words += ", and may give up more than that"
    return Advice(question, first, figure, certainty, f"{words}.")


def _alone(evidence: Evidence, best: str, names: Sequence[str]) -> tuple[Certainty, str]:
    """Say how sure it is that no other comes near the best."""
    others = [name for name in names if name != best]
    if not others:
        return "nothing to compare", "there is no other network to compare it with."
    found = [evidence.compare(best, name, "iou", margin=CLOSE) for name in others]
    given = [each for each in found if isinstance(each, Comparison)]
    far = all(each.verdict == "supported" for each in given)
    words = f"no other comes within {CLOSE}: IoU {listed(_all(given))}."
    return "sure" if far else "not sure", words


def _milliseconds(evidence: Evidence, name: str) -> float:
    finals = evidence.contender(name).finals
    return float(np.mean([final.metrics.get("latency/p50_ms", math.nan) for final in finals]))
