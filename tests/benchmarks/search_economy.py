"""Training steps of a search until it is within 1 % of the best of a full-length random search.

    python -m tests.benchmarks.search_economy [--tables FOLDER] [--trials 20] [--seeds 10]

Nothing is trained: recorded learning curves (FOLDER/unet.csv, from curves.py) are replayed through
faceseg's sampler and pruner, as two workers would report them. A setting gets the curve of the
nearest recorded one: of the same batch size, by the logarithm of the learning rate. The random
variation of a training is therefore that of a real one; the same setting always has the same curve.

For every seed, full-length random search draws TRIALS settings and trains each to its end: its best
is the goal, its steps are 100 %. A strategy then searches until a trial has ended within 1 % of the
goal. The optimiser steps of all trials until then, complete or not, are counted as a share. A
strategy that does not reach the goal with four times the budget is counted with the steps it used.
"""

import argparse
import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from pipelines.config import Experiment
from pipelines.search import samplers
from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, HIGH, LOW, TABLES, Curve, read

WITHIN = 0.99
MOST = 4  # times the budget of trials; after them a strategy is stopped
WORKERS = 2


@dataclass(frozen=True)
class Strategy:
    """A name, its changes to `search`, and a pruner that `search` does not offer."""

    name: str
    search: dict[str, Any] = field(default_factory=dict)
    pruner: optuna.pruners.BasePruner | None = None


def strategies() -> list[Strategy]:
    """Return the strategies; the first is the default of an experiment."""
    made = [Strategy("the defaults")]
    for sampler in ("random", "tpe"):
        made.append(Strategy(f"{sampler}, no pruning", {"sampler": sampler, "pruner": "none"}))
        for grace, share in itertools.product((1, 2, 3), (50, 25)):
            pruner = optuna.pruners.PercentilePruner(share, 5, n_warmup_steps=grace - 1)
            name = f"{sampler}, best {share} % continue, grace {grace}"
            made.append(Strategy(name, {"sampler": sampler}, pruner))
        for pruner, grace, factor in itertools.product(
            ("hyperband", "halving"), (1, 2, 3), (2, 3, 4)
        ):
            search = {
                "sampler": sampler,
                "pruner": pruner,
                "grace_epochs": grace,
                "reduction_factor": factor,
            }
            made.append(Strategy(f"{sampler}, {pruner}, grace {grace}, by {factor}", search))
    return made


class Table:
    """Recorded curves, by setting."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        if not curves:
            raise ValueError("there are no recorded curves; record some with curves.py")
        self.by_size = {
            size: [each for each in curves if each.batch_size == size] for size in BATCH_SIZES
        }

    def curve(self, point: dict[str, Any]) -> Curve:
        """Return the nearest curve."""
        rate = math.log(point["learning_rate"])
        return min(
            self.by_size[point["batch_size"]],
            key=lambda each: abs(math.log(each.learning_rate) - rate),
        )


def experiment(search: dict[str, Any], trials: int, seed: int) -> Experiment:
    """Return an experiment over the recorded space."""
    space = {
        "learning_rate": {"low": LOW, "high": HIGH, "log": True},
        "batch_size": {"choices": BATCH_SIZES},
    }
    return Experiment.model_validate(
        {
            "name": "replay",
            "seed": seed,
            "training": {"epochs": EPOCHS},
            "search": {"trials": trials, "space": space, **search},
        }
    )


def full_search_target(table: Table, trials: int, seed: int) -> tuple[float, int]:
    """Return the best of full-length random search, and its steps."""
    draws = np.random.default_rng([seed, 1])
    best, steps = 0.0, 0
    for _ in range(trials):
        rate = math.exp(draws.uniform(math.log(LOW), math.log(HIGH)))
        curve = table.curve({"learning_rate": rate, "batch_size": int(draws.choice(BATCH_SIZES))})
        best, steps = max(best, *curve.values), steps + EPOCHS * curve.steps
    return best, steps


def steps_to_target(
    table: Table, given: Experiment, study: optuna.Study, goal: float
) -> tuple[int, bool]:
    """Return the steps until a trial ends at `goal` or better, and whether one did.

    Two workers take trials as they become free. An epoch has the same images for all, so the two
    report in turns.
    """
    steps, asked = 0, 0
    free = [(0.0, number) for number in range(WORKERS)]
    running: dict[int, tuple[optuna.Trial, Curve, int]] = {}
    while free:
        clock, worker = heapq.heappop(free)
        if worker not in running:
            if asked == MOST * given.search.trials:
                continue
            study.sampler = samplers.make_sampler(given, "replay", asked, BATCH_SIZES)
            trial = study.ask(given.search.space.distributions())
            running[worker] = (trial, table.curve(trial.params), 0)
            asked += 1
        trial, curve, epoch = running[worker]
        trial.report(curve.values[epoch], epoch + 1)
        steps += curve.steps
        running[worker] = (trial, curve, epoch + 1)
        best = max(curve.values[: epoch + 1])
        if epoch + 1 == EPOCHS:
            study.tell(trial, best)
            del running[worker]
            if best >= goal:
                return steps, True
        elif trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            del running[worker]
        heapq.heappush(free, (clock + 1, worker))
    return steps, False


def share(table: Table, each: Strategy, trials: int, seed: int) -> tuple[float, bool]:
    """Return the steps as a share of full-length random search; whether it reached the goal."""
    best, whole = full_search_target(table, trials, seed)
    given = experiment(each.search, trials, seed)
    study = optuna.create_study(
        study_name=f"replay {seed}",  # Hyperband assigns brackets by the name
        direction="maximize",
        pruner=each.pruner or samplers.make_pruner(given),
    )
    steps, arrived = steps_to_target(table, given, study, WITHIN * best)
    return steps / whole, arrived


def main(arguments: Iterable[str] | None = None) -> None:
    """Replay all strategies; print their shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--network", default="unet")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args(None if arguments is None else list(arguments))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    curves = read(given.tables / f"{given.network}.csv")
    table = Table(curves)
    print(
        f"{given.network}: {len(curves)} recorded settings of {EPOCHS} epochs,"
        f" {given.trials} random trials, {given.seeds} seeds\n"
        f"{'steps to 99 % of the best of full-length random search':<56}"
        f"{'median':>8}{'least':>8}{'most':>8}{'reached':>9}"
    )
    for each in strategies():
        found = [share(table, each, given.trials, seed) for seed in range(given.seeds)]
        shares = [steps for steps, _ in found]
        print(
            f"{each.name:<56}{median(shares):>8.0%}{min(shares):>8.0%}{max(shares):>8.0%}"
            f"{sum(arrived for _, arrived in found):>9}",
            flush=True,
        )


if __name__ == "__main__":
    main()
