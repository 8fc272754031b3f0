"""Whether a candidate takes the champion's place: a pure function, its whole reasoning as data."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from faceseg.errors import UserError
from faceseg.statistics import verdict
from pipelines.config.sections import Gate
from pipelines.promote.paired_comparison import PairedComparison, PairedDifference, compare_versions
from pipelines.promote.scored_version import ScoredVersion, check_comparable

Role = Literal["merit", "veto"]


@dataclass(frozen=True)
class GateCheck:
    """One line of the reasoning. A merit may be missing where another is there; a veto may not.

    `change` with `low` and `high` is candidate less champion, of costs the candidate's share of
    the champion's; NaN where there is no such number. `rule` is `bound` in words.
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


@dataclass(frozen=True)
class Decision:
    """`champion` is the version challenged, None if the place was free; `notes` the limits.

    `interval`: the candidate's test IoU over other photographs, low and high.
    """

    promoted: bool
    reason: str
    candidate: str
    champion: str | None
    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON holds it; a number that is none is null."""
        data = asdict(self)
        for check in data["checks"]:
            for key, value in check.items():
                if isinstance(value, float) and math.isnan(value):
                    check[key] = None
        return data


def decide(candidate: ScoredVersion, champion: ScoredVersion | None, gate: Gate) -> Decision:
    """Decide by the gate. UserError if the two cannot be compared at all."""
    budgets = list(_budget_checks(candidate, gate))
    if champion is None:
        failed = [check for check in budgets if not check.ok]
        reason = _refusal_reason(failed) if failed else "there is no champion yet"
        return Decision(not failed, reason, candidate.version, None, tuple(budgets))
    check_comparable(candidate, champion)
    found = compare_versions(candidate, champion, gate.resamples, gate.level)
    better, close = _test_checks(found, gate)
    speed, speed_note = _speed_check(candidate, champion, gate)
    robust = _robustness_check(found, gate)
    elsewhere = [each for each in (speed, robust) if each is not None]
    vetoes = [*_drop_checks(found, gate), *budgets]
    failed = [check for check in vetoes if not check.ok]
    named = [check for check in elsewhere if check.ok]
    merit = better.ok or (close.ok and bool(named))
    notes = [*([speed_note] if speed_note else []), *found.not_compared]
    if candidate.data != champion.data:
        notes.append(
            "the two were trained on different packs; the test images and labels are the same"
        )
    if merit and not failed:
        reason = _acceptance_reason(better, close, named, gate)
    else:
        reason = _refusal_reason(failed) if failed else _no_gain_reason(better, close, gate)
    return Decision(
        merit and not failed,
        reason,
        candidate.version,
        champion.version,
        (better, close, *elsewhere, *vetoes),
        tuple(notes),
        _interval(found),
    )


def _interval(found: PairedComparison) -> tuple[float, float] | None:
    gain = found.find("test", "iou")
    known = gain is not None and math.isfinite(gain.candidate.low)
    return (gain.candidate.low, gain.candidate.high) if gain is not None and known else None


def _test_checks(found: PairedComparison, gate: Gate) -> tuple[GateCheck, GateCheck]:
    """Return 'surely better' and 'surely not worse by more than the tolerance'."""
    gain = found.find("test", "iou")
    if gain is None:
        raise UserError(
            "test IoU has no value: there is no foreground on any test image, true or predicted."
            " Give the study test images that show faces"
        )
    return (
        _check("merit", "test IoU, better", gain, gate.min_gain,
               ok=verdict(gain.estimate, gate.min_gain) == "supported"),
        _check("merit", "test IoU, not worse", gain, -gate.tolerance,
               ok=verdict(gain.estimate, -gate.tolerance) == "supported"),
    )  # fmt: skip


def _speed_check(
    candidate: ScoredVersion, champion: ScoredVersion, gate: Gate
) -> tuple[GateCheck | None, str]:
    """Return the gain in speed, or why it cannot be told."""
    mine, its = (each.metric("latency/p50_ms") for each in (candidate, champion))
    where = [(each.host, each.metric("latency/threads")) for each in (candidate, champion)]
    if not (mine > 0 and its > 0):
        return None, "speed: the time of an image was not logged for both"
    if where[0] != where[1]:
        told = " and ".join(f"{host} with {threads:g} threads" for host, threads in where)
        return None, f"speed: measured on {told}, so it counts for nothing here"
    nothing = math.nan
    most = 1 - gate.faster
    rule = f"at most {most:g} of its time"
    return GateCheck("merit", "speed (ms an image)", its, mine, mine / its, nothing, nothing, most,
                 rule, mine <= most * its), ""  # fmt: skip


def _robustness_check(found: PairedComparison, gate: Gate) -> GateCheck | None:
    gain = found.find("occlusion", "mean")
    if gain is None:
        return None
    ok = verdict(gain.estimate, gate.more_robust) == "supported"
    return _check("merit", "robustness (IoU under occlusion)", gain, gate.more_robust, ok=ok)


def _drop_checks(found: PairedComparison, gate: Gate) -> Iterator[GateCheck]:
    """Yield a veto for each class, slice and kind: it must not surely fall below its bound."""
    drops = {"class": gate.class_drop, "slice": gate.slice_drop}
    for gain in found.rows:
        if gain.group == "test" or gain.name == "mean":
            continue
        bound = gate.bounds.get(gain.name, drops.get(gain.group, gate.kind_drop))
        ok = verdict(gain.estimate, -bound) != "contradicted"
        yield _check("veto", f"{gain.group} {gain.name}", gain, -bound, ok=ok)


def _budget_checks(candidate: ScoredVersion, gate: Gate) -> Iterator[GateCheck]:
    for name, metric, budget in (
        ("latency (ms)", "latency/p50_ms", gate.latency_ms),
        ("size (MB)", "model/size_mb", gate.size_mb),
    ):
        if budget is None:
            continue
        value, nothing = candidate.metric(metric), math.nan
        yield GateCheck(
            "veto", name, nothing, value, nothing, nothing, nothing,
            budget, f"at most {budget:g}", bool(value <= budget),
        )  # fmt: skip


def _check(role: Role, name: str, gain: PairedDifference, bound: float, *, ok: bool) -> GateCheck:
    found = gain.estimate
    rule = f"{'surely above' if role == 'merit' else 'not surely below'} {bound:+g}"
    return GateCheck(
        role, name, gain.champion.value, gain.candidate.value,
        found.value, found.low, found.high, bound, rule, ok,
    )  # fmt: skip


def _signed(check: GateCheck) -> str:
    return f"{check.change:+.4f} ({check.low:+.4f} to {check.high:+.4f})"


def _refusal_reason(failed: list[GateCheck]) -> str:
    """Name what falls too far, or what is over budget."""
    told = []
    for check in failed:
        if math.isnan(check.change):
            value = (
                "was not measured" if math.isnan(check.candidate) else f"is {check.candidate:.4g}"
            )
            told.append(f"{check.name} {value}, must be {check.rule}")
        else:
            span = f"{-check.high:.3f} to {-check.low:.3f}"
            told.append(
                f"{check.name} falls by {-check.change:.3f} ({span}), surely more than "
                f"{-check.bound:g}"
            )
    return "; ".join(told)


def _acceptance_reason(
    better: GateCheck, close: GateCheck, named: list[GateCheck], gate: Gate
) -> str:
    if better.ok:
        return f"test IoU {_signed(better)}: surely better"
    gained = " and ".join(check.name for check in named)
    margin = f"surely not worse by more than {gate.tolerance:g}"
    return f"test IoU {_signed(close)}: {margin}, and a gain in {gained}"


def _no_gain_reason(better: GateCheck, close: GateCheck, gate: Gate) -> str:
    figure = f"test IoU {_signed(better)}"
    if close.ok:
        return (
            f"{figure}: not surely better by more than {gate.min_gain:g}, and no sure gain in "
            "speed or robustness"
        )
    return (
        f"{figure}: not surely above {gate.min_gain:+g}, and not surely above {-gate.tolerance:+g}"
        " either, which a gain in speed or robustness would ask for"
    )
