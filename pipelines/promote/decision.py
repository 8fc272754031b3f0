"""Decide whether a candidate replaces the champion: a pure function with all checks as data."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.config.sections import Gate
from pipelines.promote.gate_checks import (
    GateCheck,
    baseline_check,
    budget_checks,
    drop_checks,
    iou_checks,
    robustness_check,
    speed_check,
)
from pipelines.promote.paired_comparison import VersionComparison, compare_versions
from pipelines.promote.scored_version import ScoredVersion, check_comparable


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """The decision of the gate.

    Attributes:
        promoted: Whether the candidate may replace the champion.
        reason: Why, in one sentence.
        candidate: The version of the candidate, or the name of a judged network.
        champion: The version of the champion; None if there is none.
        checks: All checks.
        notes: What could not be compared.
        interval: The interval of the candidate's test IoU over resampled photographs.
    """

    promoted: bool
    reason: str
    candidate: str
    champion: str | None
    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the decision as JSON data; NaN becomes null."""
        data = asdict(self)
        for check in data["checks"]:
            for key, value in check.items():
                if isinstance(value, float) and math.isnan(value):
                    check[key] = None
        return data


def decide(candidate: ScoredVersion, champion: ScoredVersion | None, gate: Gate) -> GateDecision:
    """Decide by the gate whether a candidate replaces the champion.

    Args:
        candidate: The candidate.
        champion: The champion; None if there is none yet. Then only the budgets and the baseline
            count.
        gate: The bounds.

    Raises:
        UserError: The two cannot be compared.
    """
    own = [baseline_check(candidate, gate), *budget_checks(candidate, gate)]
    if champion is None:
        failed = [check for check in own if not check.ok]
        reason = _refusal_reason(failed) if failed else "there is no champion yet"
        return GateDecision(
            promoted=not failed,
            reason=reason,
            candidate=candidate.version,
            champion=None,
            checks=tuple(own),
        )
    check_comparable(candidate, champion)
    comparison = compare_versions(candidate, champion, gate.resamples, gate.level)
    better, close = iou_checks(comparison, gate)
    speed, speed_note = speed_check(candidate, champion, gate)
    others = [each for each in (speed, robustness_check(comparison, gate)) if each is not None]
    vetoes = [*drop_checks(comparison, gate), *own]
    failed = [check for check in vetoes if not check.ok]
    gains = [check for check in others if check.ok]
    merit = better.ok or (close.ok and bool(gains))
    notes = [*([speed_note] if speed_note else []), *comparison.not_compared]
    if candidate.data != champion.data:
        notes.append(
            "the two were trained on different packs; the test images and labels are the same"
        )
    if merit and not failed:
        reason = _acceptance_reason(better, close, gains, gate)
    else:
        reason = _refusal_reason(failed) if failed else _no_gain_reason(better, close, gate)
    return GateDecision(
        promoted=merit and not failed,
        reason=reason,
        candidate=candidate.version,
        champion=champion.version,
        checks=(better, close, *others, *vetoes),
        notes=tuple(notes),
        interval=_interval(comparison),
    )


def _interval(comparison: VersionComparison) -> tuple[float, float] | None:
    row = comparison.find("test", "iou")
    if row is None or not math.isfinite(row.candidate.low):
        return None
    return row.candidate.low, row.candidate.high


def _signed(check: GateCheck) -> str:
    return f"{check.change:+.4f} ({check.low:+.4f} to {check.high:+.4f})"


def _refusal_reason(failed: list[GateCheck]) -> str:
    """Describe the drops and the exceeded budgets."""
    reasons = []
    for check in failed:
        if math.isnan(check.change):
            value = (
                "was not measured" if math.isnan(check.candidate) else f"is {check.candidate:.4g}"
            )
            reasons.append(f"{check.name} {value}, must be {check.rule}")
        else:
            interval = f"{-check.high:.3f} to {-check.low:.3f}"
            reasons.append(
                f"{check.name} drops by {-check.change:.3f} ({interval}), its whole interval "
                f"more than {-check.bound:g}"
            )
    return "; ".join(reasons)


def _acceptance_reason(
    better: GateCheck, close: GateCheck, gains: list[GateCheck], gate: Gate
) -> str:
    if better.ok:
        return f"test IoU {_signed(better)}: the whole interval is above {gate.min_gain:+g}"
    names = " and ".join(check.name for check in gains)
    margin = f"the whole interval is above {-gate.tolerance:+g}"
    return f"test IoU {_signed(close)}: {margin}, and there is a gain in {names}"


def _no_gain_reason(better: GateCheck, close: GateCheck, gate: Gate) -> str:
    figure = f"test IoU {_signed(better)}"
    if close.ok:
        return (
            f"{figure}: the interval is not above {gate.min_gain:+g}, and there is no gain in "
            "speed or robustness"
        )
    return (
        f"{figure}: the interval is not above {gate.min_gain:+g}. It is not above"
        f" {-gate.tolerance:+g} either, which promotion for speed or robustness requires"
    )
