"""Training steps of a search with two goals until it has 95 % of the unpruned hypervolume.

    python -m tests.benchmarks.goal_economy [--tables FOLDER] [--trials 40] [--seeds 10]

Nothing is trained: learning curves of one network at three widths (FOLDER/plain-WIDTH.csv, from
goal_curves.py) are replayed through faceseg's samplers and pruner, as in `search_economy`. The
goals are the validation IoU and the multiply-accumulates; the width is tuned too.

For every seed, the same search without pruning (Optuna's TPE alone: it cannot prune with several
goals) runs TRIALS trials: its hypervolume is the goal, its steps are 100 %. A strategy then
searches until its complete trials have 95 % of that hypervolume. A strategy that does not reach it
with four times the budget is counted with the steps it used. The hypervolume is that above an IoU
of 0 and below 1.1 times the largest network, with the logarithm of the multiply-accumulates.
"""

import argparse
import heapq
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import optuna
from optuna.trial import TrialState

from pipelines.config import Experiment
from pipelines.search import samplers
from pipelines.search.goal_values import COSTS, store_end
from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, HIGH, LOW, TABLES, Curve, read
from tests.benchmarks.goal_curves import WIDTHS, macs, table
from tests.benchmarks.search_economy import Table

SHARE = 0.95
MOST = 4  # times the budget of trials; after them a strategy is stopped
WORKERS = 2
UNPRUNED = {"sampler": "tpe", "pruner": "none"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "Optuna alone: TPE, no pruning": UNPRUNED,
    "Optuna alone: NSGA-III, no pruning": {"sampler": "nsga3", "pruner": "none"},
    "random, no pruning": {"sampler": "random", "pruner": "none"},
    "the defaults: TPE, Hyperband": {},
    "TPE, halving, grace 3, by 3": {"pruner": "halving"},
    "TPE, halving, grace 1, by 3": {"pruner": "halving", "grace_epochs": 1},
    "TPE, halving, grace 2, by 4": {
        "pruner": "halving",
        "grace_epochs": 2,
        "reduction_factor": 4,
    },
    "NSGA-III, halving, grace 1, by 3": {
        "sampler": "nsga3",
        "pruner": "halving",
        "grace_epochs": 1,
    },
    "random, halving, grace 1, by 3": {
        "sampler": "random",
        "pruner": "halving",
        "grace_epochs": 1,
    },
}
Point = tuple[float, float]  # the IoU and the multiply-accumulates


def hypervolume(points: Iterable[Point]) -> float:
    """Return the area that the points dominate: IoU by the logarithm of multiply-accumulates."""
    edge, area, best = math.log(1.1 * macs(max(WIDTHS))), 0.0, 0.0
    for score, cost in sorted(points, key=lambda each: (each[1], -each[0])):
        if score > best:
            area += (score - best) * (edge - math.log(cost))
            best = score
    return area


def experiment(search: dict[str, Any], trials: int, seed: int) -> Experiment:
    """Return an experiment over the recorded space."""
    space = {
        "learning_rate": {"low": LOW, "high": HIGH, "log": True},
        "batch_size": {"choices": BATCH_SIZES},
        "width": {"choices": [float(width) / max(WIDTHS) for width in WIDTHS]},
    }
    goals = ["val/iou", "model/macs"]
    return Experiment.model_validate(
        {
            "name": "replay",
            "seed": seed,
            "training": {"epochs": EPOCHS},
            "search": {"trials": trials, "space": space, "goals": goals, **search},
        }
    )


def replay(
    tables: dict[int, Table], given: Experiment, trials: int, goal: float | None = None
) -> tuple[float, int, bool]:
    """Search as two workers would.

    Args:
        tables: The curves of each width.
        given: The experiment.
        trials: The most trials.
        goal: Stop at this hypervolume of complete trials; None: after all trials.

    Returns:
        The hypervolume, the optimiser steps of all trials, and whether the goal was reached.
    """
    goals = given.search.parsed_goals
    assert goals is not None
    pruner = samplers.make_pruner(given)
    study = optuna.create_study(directions=["maximize", "minimize"])
    steps, asked, points = 0, 0, []
    free = [(0.0, number) for number in range(WORKERS)]
    running: dict[int, tuple[optuna.Trial, Curve, float, int]] = {}
    while free:
        clock, worker = heapq.heappop(free)
        if worker not in running:
            if asked == trials:
                continue
            study.sampler = samplers.make_sampler(given, "replay", asked, BATCH_SIZES)
            trial = study.ask(given.search.space.distributions())
            width = round(trial.params["width"] * max(WIDTHS))
            cost = float(macs(width))
            trial.set_user_attr(COSTS, {"model/macs": cost})
            running[worker] = (trial, tables[width].curve(trial.params), cost, 0)
            asked += 1
        trial, curve, cost, epoch = running[worker]
        study._storage.set_trial_intermediate_value(trial._trial_id, epoch + 1, curve.values[epoch])
        steps += curve.steps
        running[worker] = (trial, curve, cost, epoch + 1)
        frozen = study._storage.get_trial(trial._trial_id)
        whole = epoch + 1 == EPOCHS
        if whole or pruner.prune(study, frozen):
            state = TrialState.COMPLETE if whole else TrialState.PRUNED
            values = {"val/iou": max(curve.values[: epoch + 1]), "model/macs": cost}
            study.tell(trial, store_end(study, frozen, goals, state, values), state=state)
            del running[worker]
            if whole:
                points.append((values["val/iou"], cost))
            if goal is not None and hypervolume(points) >= goal:
                return hypervolume(points), steps, True
        heapq.heappush(free, (clock + 1, worker))
    return hypervolume(points), steps, False


def main(arguments: Iterable[str] | None = None) -> None:
    """Replay all strategies; print their shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args(None if arguments is None else list(arguments))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    curves = {width: read(table(given.tables, width)) for width in WIDTHS}
    tables = {width: Table(found) for width, found in curves.items()}
    counts = ", ".join(f"{len(found)} at width {width}" for width, found in curves.items())
    print(f"recorded settings of {EPOCHS} epochs: {counts}; {given.trials} trials unpruned")
    print(f"{'':<40}{'median':>8}{'least':>8}{'most':>8}{'reached':>9}{'hypervolume':>13}")
    unpruned = [
        replay(tables, experiment(UNPRUNED, given.trials, seed), given.trials)
        for seed in range(given.seeds)
    ]
    for name, search in STRATEGIES.items():
        print(row(name, search, tables, unpruned, given.trials), flush=True)


def row(
    name: str,
    search: dict[str, Any],
    tables: dict[int, Table],
    unpruned: Sequence[tuple[float, int, bool]],
    trials: int,
) -> str:
    """Return the line of one strategy: its steps as shares, and its hypervolume after TRIALS."""
    shares, reached, volumes = [], 0, []
    for seed, (volume, whole, _) in enumerate(unpruned):
        made = experiment(search, trials, seed)
        _, steps, arrived = replay(tables, made, MOST * trials, SHARE * volume)
        shares.append(steps / whole)
        reached += arrived
        volumes.append(replay(tables, made, trials)[0] / volume)
    return (
        f"{name:<40}{median(shares):>8.0%}{min(shares):>8.0%}{max(shares):>8.0%}"
        f"{reached:>9}{median(volumes):>13.1%}"
    )


if __name__ == "__main__":
    main()
