"""Comparisons in words and figures: the difference, its 95 % interval, and of how many."""

import math

from pipelines.compare.evidence import Comparison, Evidence
from pipelines.compare.formats import DASH, ends, score, signed, times


def figure(comparison: Comparison) -> str:
    """Return how far the first is above the second, with its interval where one is known."""
    found = comparison.estimate
    if comparison.measure.photos:
        return f"{signed(found.value)} ({ends(found.low, found.high)})"
    if comparison.measure.exact:
        return times(found.value)
    if math.isnan(found.low):
        return f"{times(found.value)} (no interval)"
    return f"{times(found.value)} ({math.exp(found.low):.3g} to {math.exp(found.high):.3g})"


def sample(comparison: Comparison) -> str:
    """Return n: photographs and seeds."""
    found = comparison.estimate
    one, other = found.seeds
    seeds = f"{one} seed{'s' if one > 1 else ''}" if one == other else f"{one} and {other} seeds"
    if not comparison.measure.photos:
        alone = min(one, other) < 2 and not comparison.measure.exact
        return f"{seeds}: its spread is not known" if alone else seeds
    return f"{found.photos} photographs, {seeds}"


def training_noise(seeds: tuple[int, ...]) -> str:
    """Say whether an interval holds training noise."""
    if min(seeds) < 2:
        return "one seed: training noise is not in it"
    return "training noise included"


def against(comparison: Comparison) -> str:
    """Return such as '0.031 (0.020 to 0.045) above pspnet'."""
    return f"{figure(comparison)} against {comparison.second}"


def margin(comparison: Comparison) -> str:
    """Return the margin as it is declared."""
    if comparison.measure.photos:
        return score(comparison.margin)
    return f"{100 * comparison.margin:.0f} %"


def with_interval(evidence: Evidence, name: str, wanted: str) -> str:
    """Return a contender's figure in a measure on photographs with its interval.

    It is that of these very finals, as in the table: training noise is in differences alone.
    """
    found = evidence.value(name, wanted)
    if found is None or math.isnan(found.value):
        return DASH
    low, high = found.fixed_low, found.fixed_high
    interval = DASH if math.isnan(low) else f"{low:.3f} to {high:.3f}"
    return f"{found.value:.3f} ({interval})"
