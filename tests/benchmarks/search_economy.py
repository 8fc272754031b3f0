"""Training steps that a search spends to come within 1 % of the best of a full-length random one.

    python -m tests.benchmarks.search_economy [--tables FOLDER] [--trials 20] [--seeds 10]

Nothing is trained: recorded learning curves (FOLDER/unet.csv, made by curves.py) are replayed
through the product's own sampler and pruner, as two workers would tell them. A setting gets the
curve of the nearest recorded one: of the same batch size, by the logarithm of the learning rate;
so the luck of a training is that of a real one, and the same setting has it twice.

For every seed: full-length random search draws TRIALS settings and trains each to its end; its
best is the mark, its steps are the whole. A strategy then searches on, for as many trials as it
takes, until a trial has come to its end within 1 % of the mark. Counted are the optimiser steps of
all trials until then, finished or not, as a share of the whole; a strategy that does not get there
in four times the budget is counted as the budget it spent.
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
from pipelines.search import sampling
from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, HIGH, LOW, TABLES, Curve, read

WITHIN = 0.99
MOST = 4  # times the budget of trials, then a strategy is given up
WORKERS = 2


@dataclass(frozen=True)
class Strategy:
    """A name, what it changes of `search` in an experiment, and a pruner that none can name."""

    name: str
    search: dict[str, Any] = field(default_factory=dict)
    pruner: optuna.pruners.BasePruner | None = None


def strategies() -> list[Strategy]:
    """Return those that are compared; the first is what an experiment has unless it says more."""
    made = [Strategy("the defaults")]
    for sampler in ("random", "tpe"):
        made.append(Strategy(f"{sampler}, no pruning", {"sampler": sampler, "pruner": "none"}))
        for grace, share in itertools.product((1, 2, 3), (50, 25)):
            pruner = optuna.pruners.PercentilePruner(share, 5, n_warmup_steps=grace - 1)
            name = f"{sampler}, best {share} % go on, grace {grace}"
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
    """Recorded curves, asked by setting."""

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
    """Return the best of full-length random search, and the steps it takes."""
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

    Two workers take trials as they become free; an epoch lasts as long as it has images, which
    is the same for all, so the two report by turns.
    """
    steps, asked = 0, 0
    free = [(0.0, number) for number in range(WORKERS)]
    running: dict[int, tuple[optuna.Trial, Curve, int]] = {}
    while free:
        clock, worker = heapq.heappop(free)
        if worker not in running:
            if asked == MOST * given.search.trials:
                continue
            study.sampler = sampling.make_sampler(given, "replay", asked, BATCH_SIZES)
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
    """Return the steps spent, as a share of full-length random search's; whether it got there."""
    best, whole = full_search_target(table, trials, seed)
    given = experiment(each.search, trials, seed)
    study = optuna.create_study(
        study_name=f"replay {seed}",  # Hyperband deals its brackets out by the name
        direction="maximize",
        pruner=each.pruner or sampling.make_pruner(given),
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
        f"{'median':>8}{'least':>8}{'most':>8}{'arrived':>9}"
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
