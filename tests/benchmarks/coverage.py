"""How often the 95 % intervals contain the true value, over simulated studies; and their speed.

    python -m tests.benchmarks.coverage --studies 1000

`simulated_studies` draws the studies. Their two networks are equally good: an interval of the
difference that excludes 0 is a false finding.
"""

import argparse
import time
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from faceseg.statistics import (
    Estimate,
    ResampledScore,
    Resampling,
    estimate,
    estimate_difference,
    mean_iou,
    overlap_counts,
    resample_score,
    signed_rank_test,
    verdict,
)
from tests.benchmarks.simulated_studies import Scenario, Study, expected_iou, simulate, truth

SCENARIOS = (
    Scenario("no training noise"),
    Scenario("some training noise", training=0.03),
    Scenario("much training noise", training=0.1),
    Scenario("much, 2 seeds", training=0.1, seeds=2),
    Scenario("much, 5 seeds", training=0.1, seeds=5),
    Scenario("seeds differ in images", training=0.03, taste=0.05, luck=0.9),
    Scenario("300 photographs", photos=300, training=0.03),
    Scenario("one seed", seeds=1),
)


@dataclass
class Coverage:
    """Shares of the studies whose interval contained the truth, or that had a false finding.

    Attributes:
        fixed: The interval of one network's finals, over new photographs.
        fixed_difference: The same for the difference of two networks.
        whole: The interval over new photographs and new trainings.
        whole_difference: The same for the difference of two networks.
        plain: That difference by the plain hierarchical bootstrap.
        supported: The first network was found better.
        different: One of the networks was found better.
        ranked: The signed-rank test of two finals was significant at 5 %.
    """

    fixed: float = 0.0
    fixed_difference: float = 0.0
    whole: float = 0.0
    whole_difference: float = 0.0
    plain: float = 0.0
    supported: float = 0.0
    different: float = 0.0
    ranked: float = 0.0


def coverage(scenario: Scenario, studies: int, resamples: int = 1000, seed: int = 0) -> Coverage:
    """Simulate studies and count."""
    draws = np.random.default_rng(seed)
    expected = expected_iou(scenario)
    found = Coverage()
    for _ in range(studies):
        study = simulate(scenario, draws)
        seen = _judge(study, expected, resamples, draws)
        for name, true in seen.items():
            setattr(found, name, getattr(found, name) + true / studies)
    return found


def _judge(
    study: Study, expected: float, resamples: int, draws: np.random.Generator
) -> dict[str, bool]:
    """Return which intervals of one study contain the truth, and its false findings."""
    resampling = Resampling(study.photos, resamples, seed=int(draws.integers(2**32)))
    overlaps = overlap_counts(study.counts)
    first, second = (resample_score(each, mean_iou, resampling) for each in overlaps)
    own = truth(study.skill).mean(axis=1)
    alone, apart = estimate(first), estimate_difference(first, second)
    single = [mean_iou(overlaps[network, 0].astype(float)) for network in (0, 1)]
    ranks = signed_rank_test(single[0], single[1], study.photos)
    low, high = plain_hierarchical(first, second, draws)
    return {
        "fixed": alone.fixed_low <= own[0] <= alone.fixed_high,
        "fixed_difference": apart.fixed_low <= own[0] - own[1] <= apart.fixed_high,
        "whole": _holds(alone, expected),
        "whole_difference": _holds(apart, 0.0),
        "plain": low <= 0 <= high,
        "supported": verdict(apart) == "supported",
        "different": apart.excludes_zero,
        "ranked": ranks.p_value < 0.05,
    }


def plain_hierarchical(
    first: ResampledScore, second: ResampledScore, draws: np.random.Generator
) -> tuple[float, float]:
    """Return the interval of resampling seeds with replacement."""
    means = []
    for each in (first, second):
        seeds, resamples = each.resampled.shape
        times = draws.multinomial(seeds, np.full(seeds, 1 / seeds), resamples)
        means.append((times.T * each.resampled).sum(axis=0) / seeds)
    low, high = np.percentile(means[0] - means[1], [2.5, 97.5])
    return float(low), float(high)


def _holds(found: Estimate, value: float) -> bool:
    return found.low <= value <= found.high


def speed(resamples: int = 10_000, images: int = 2000, classes: int = 11) -> str:
    """Time one network with one seed, and measure its memory besides the counts."""
    draws = np.random.default_rng(0)
    counts = draws.integers(0, 1000, (1, images, classes, classes))
    resampling = Resampling(tuple(map(str, range(images))), resamples)
    before = time.perf_counter()
    resample_score(overlap_counts(counts), mean_iou, resampling)
    seconds = time.perf_counter() - before
    tracemalloc.start()
    resample_score(overlap_counts(counts), mean_iou, replace(resampling, resamples=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (
        f"{resamples} resamples x {images} images x {classes} classes:"
        f" {seconds:.2f} s, at most {peak / 2**20:.0f} MiB"
    )


HEADING = (
    f"{'per cent of the studies':<24}{'photographs':>14}{'and training':>16}"
    f"{'plain':>8}{'falsely':>22}\n"
    f"{'':<24}{'one':>7}{'two':>7}{'one':>9}{'two':>7}"
    f"{'two':>8}{'supported':>11}{'different':>11}{'by rank':>9}"
)


def row(scenario: Scenario, found: Coverage) -> str:
    """Return a line of the table; the signed-rank test only if all finals are equally good."""
    ranked = f"{100 * found.ranked:9.1f}" if scenario.training == 0 else ""
    return (
        f"{scenario.name:<24}{100 * found.fixed:7.1f}{100 * found.fixed_difference:7.1f}"
        f"{100 * found.whole:9.1f}{100 * found.whole_difference:7.1f}{100 * found.plain:8.1f}"
        f"{100 * found.supported:11.1f}{100 * found.different:11.1f}{ranked}"
    )


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(speed(), flush=True)
    print(HEADING)
    for scenario in SCENARIOS:
        found = coverage(scenario, given.studies, given.resamples, given.seed)
        print(row(scenario, found), flush=True)


if __name__ == "__main__":
    main()
