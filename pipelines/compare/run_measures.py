"""How measures of machines and trainings are taken, and how two networks differ in them.

They are ratios at heart (twice as fast), so they are compared by their logarithms. A network has
as many of them as finals: Welch's t-test tells how sure a difference is.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from faceseg.statistics import Estimate
from pipelines.compare.collect import Final

ROUNDING = 1e-12
MOST = 0.9  # of the best validation IoU: when a training has done most of its way


def logged(metric: str) -> Callable[[Final], float]:
    """Return how to read a logged metric."""
    return lambda final: final.metrics.get(metric, math.nan)


def epochs_to_most(final: Final) -> float:
    """Return the first epoch that reaches 90 % of the best validation IoU; NaN if untrained."""
    if final.history.empty:
        return math.nan
    values = final.history["val/iou"].to_numpy(dtype=float)
    if not np.isfinite(values).any() or not np.nanmax(values) > 0:
        return math.nan
    reached = int(np.argmax(values >= MOST * np.nanmax(values)))
    return float(final.history["epoch"].iloc[reached])


def iou_per_ms(final: Final) -> float:
    """Return the test IoU divided by the median time of an image."""
    return logged("test/iou")(final) / logged("latency/p50_ms")(final)


def log_ratio(first: Sequence[float], second: Sequence[float], *, exact: bool) -> Estimate:
    """Return the logarithm of the first network's mean over the second's, with its interval.

    exact: no chance is in the numbers, and the interval is the value itself. It is NaN where
    one of the networks has one run only. Means are geometric.
    """
    one, other = np.log(first), np.log(second)
    value = float(one.mean() - other.mean())
    low, high = (value, value) if exact else _welch(one, other, value)
    return Estimate(value, low, high, low, high, 0, (len(one), len(other)))


def _welch(one: np.ndarray, other: np.ndarray, value: float) -> tuple[float, float]:
    if min(len(one), len(other)) < 2:
        return math.nan, math.nan
    if max(np.ptp(one), np.ptp(other)) < ROUNDING:
        return value, value
    # scipy's test warns of runs that came out equal; statsmodels' takes them as they are.
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    compared = CompareMeans(DescrStatsW(one), DescrStatsW(other))
    low, high = compared.tconfint_diff(usevar="unequal")
    return float(low), float(high)
