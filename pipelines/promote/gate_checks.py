"""The checks of the gate: test IoU, speed, robustness, drops of single classes, and budgets."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from faceseg.errors import UserError
from faceseg.statistics import verdict
from pipelines.config.sections import Gate
from pipelines.job.machine_load import is_quiet
from pipelines.promote.paired_comparison import PairedDifference, VersionComparison
from pipelines.promote.scored_version import ScoredVersion
from pipelines.registry.champion_floor import champion_floor

Role = Literal["merit", "veto"]
BUSY = "may have been timed on a busy machine (the metric latency/load)"


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """One check of the gate. One passed merit can suffice; every veto must pass.

    Attributes:
        role: `merit`, a reason to promote, or `veto`, a reason to refuse.
        name: What is checked.
        champion: The champion's value.
        candidate: The candidate's value.
        change: Candidate minus champion; for the speed, candidate divided by champion.
        low: Lower end of the interval of `change`.
        high: Upper end of the interval of `change`.
        bound: The bound.
        rule: The bound in words.
        ok: Whether the check passed.

    A number that does not exist is NaN.
    """

    role: Role
    name: str
    champion: float
    candidate: float
    change: float
    low: float
    high: float
    bound: float
    rule: str
    ok: bool


def iou_checks(comparison: VersionComparison, gate: Gate) -> tuple[GateCheck, GateCheck]:
    """Return two checks of the test IoU: better; and not worse than the tolerance."""
    gain = comparison.find("test", "iou")
    if gain is None:
        raise UserError(
            "the test IoU is undefined: no test image contains foreground, labelled or predicted."
            " Give the study test images that show faces"
        )
    return (
        _check("merit", "test IoU, better", gain, gate.min_gain,
               ok=verdict(gain.estimate, gate.min_gain) == "supported"),
        _check("merit", "test IoU, not worse", gain, -gate.tolerance,
               ok=verdict(gain.estimate, -gate.tolerance) == "supported"),
    )  # fmt: skip


def speed_check(
    candidate: ScoredVersion, champion: ScoredVersion, gate: Gate
) -> tuple[GateCheck | None, str]:
    """Return the check of the speed, or a note why the speeds cannot be compared."""
    times = [each.metric("latency/p50_ms") for each in (candidate, champion)]
    machines = [(each.host, each.metric("latency/threads")) for each in (candidate, champion)]
    if not all(time > 0 for time in times):
        return None, "speed: the latency was not logged for both"
    if machines[0] != machines[1]:
        listed = " and ".join(f"{host} with {threads:g} threads" for host, threads in machines)
        return None, f"speed: not compared, because it was measured on {listed}"
    if busy := [each.name for each in (candidate, champion) if not is_quiet(each.metrics)]:
        return None, f"speed: not compared, because {' and '.join(busy)} {BUSY}"
    share, bound = times[0] / times[1], 1 - gate.faster
    check = GateCheck(
        role="merit",
        name="speed (ms an image)",
        champion=times[1],
        candidate=times[0],
        change=share,
        low=math.nan,
        high=math.nan,
        bound=bound,
        rule=f"at most {bound:g} of its time",
        ok=times[0] <= bound * times[1],
    )
    return check, ""


def robustness_check(comparison: VersionComparison, gate: Gate) -> GateCheck | None:
    """Return the check of the IoU under occlusion; None if it was not measured."""
    gain = comparison.find("occlusion", "mean")
    if gain is None:
        return None
    ok = verdict(gain.estimate, gate.more_robust) == "supported"
    return _check("merit", "robustness (IoU under occlusion)", gain, gate.more_robust, ok=ok)


def drop_checks(comparison: VersionComparison, gate: Gate) -> Iterator[GateCheck]:
    """Yield a veto for each class, slice and kind; it fails if its interval is below the bound."""
    drops = {"class": gate.class_drop, "slice": gate.slice_drop}
    for gain in comparison.rows:
        if gain.group == "test" or gain.name == "mean":
            continue
        bound = gate.bounds.get(gain.name, drops.get(gain.group, gate.kind_drop))
        ok = verdict(gain.estimate, -bound) != "contradicted"
        yield _check("veto", f"{gain.group} {gain.name}", gain, -bound, ok=ok)


def budget_checks(candidate: ScoredVersion, gate: Gate) -> Iterator[GateCheck]:
    """Yield a veto for each budget of the gate: latency and size."""
    for name, metric, budget in (
        ("latency (ms)", "latency/p50_ms", gate.latency_ms),
        ("size (MB)", "model/size_mb", gate.size_mb),
    ):
        if budget is None:
            continue
        value = candidate.metric(metric)
        yield GateCheck(
            role="veto",
            name=name,
            champion=math.nan,
            candidate=value,
            change=math.nan,
            low=math.nan,
            high=math.nan,
            bound=budget,
            rule=f"at most {budget:g}",
            ok=bool(value <= budget),
        )


def baseline_check(candidate: ScoredVersion, gate: Gate) -> GateCheck:
    """Return the veto of a candidate that has learned next to nothing."""
    floor = champion_floor(candidate.records, candidate.classes, gate)
    return GateCheck(
        role="veto",
        name="test IoU",
        champion=math.nan,
        candidate=floor.iou,
        change=math.nan,
        low=math.nan,
        high=math.nan,
        bound=floor.bound,
        rule=floor.rule,
        ok=floor.ok,
    )


def _check(role: Role, name: str, gain: PairedDifference, bound: float, *, ok: bool) -> GateCheck:
    return GateCheck(
        role=role,
        name=name,
        champion=gain.champion.value,
        candidate=gain.candidate.value,
        change=gain.estimate.value,
        low=gain.estimate.low,
        high=gain.estimate.high,
        bound=bound,
        rule=f"{'interval above' if role == 'merit' else 'interval not below'} {bound:+g}",
        ok=ok,
    )
