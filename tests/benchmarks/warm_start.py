"""Training steps that a search saves by an earlier study, and those that a misleading one costs.

    python -m tests.benchmarks.warm_start [--tables FOLDER] [--earlier FOLDER] [--seeds 10]

Nothing is trained: recorded learning curves are replayed through faceseg's own suggester and
pruner, as in `search_economy`. --tables has curves on one data set (`goal_curves`), --earlier on
another (`goal_curves OTHER --difficulty 0.3 --seed 1`): other faces, which are easier.

For every seed, an earlier study of 20 trials searches one data set with the defaults. Then the same
search runs on the other data set, without and with the earlier study, until a trial ends within
1 % of the best of 20 full-length random trials. The shares are of the steps of these. `borrowed` is
the mean share of the trials that have settings of the earlier study.

Two earlier studies are planted. `moved`: every learning rate of the earlier study times 3.
`misleading`: a study of the same data set, with its scores in reverse order at every rung.
"""

import argparse
import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import optuna
from optuna.trial import TrialState

from pipelines.config.search_space import AUTO
from pipelines.search.leases import Lease
from pipelines.search.memory import RUNGS, Trial
from pipelines.search.samplers import make_pruner
from pipelines.search.sampling import TrialSuggester
from pipelines.search.trials import TrialStore
from pipelines.search.warm_start import add_memory, proposed, trial_of
from tests.benchmarks.curves import EPOCHS, HIGH, LOW, TABLES, Curve, read
from tests.benchmarks.search_economy import (
    MOST,
    WITHIN,
    WORKERS,
    Table,
    experiment,
    full_search_target,
)

OTHER = TABLES.with_name("curves-other")
EARLIER_SEED = 1000  # and the seed: of an earlier study
FACTOR = 3.0


@dataclass(frozen=True)
class Replay:
    """The steps of a replayed search, whether it reached its goal, and its trials.

    `borrowed` are the steps of trials with the settings of an earlier study.
    """

    steps: int
    borrowed: int
    arrived: bool
    trials: tuple[Trial, ...]


def replay(
    table: Table, seed: int, goal: float, trials: int, earlier: Sequence[Trial] = ()
) -> Replay:
    """Search until a trial ends at `goal` or better, or `trials` trials were started."""
    given = experiment({"warm_start": AUTO} if earlier else {}, trials, seed)
    storage = optuna.storages.InMemoryStorage()
    store = TrialStore(f"replay {seed}", storage, make_pruner(given))
    add_memory(store.study, {"earlier": list(earlier)} if earlier else {})
    suggester = TrialSuggester(given, "replay", store)
    steps, borrowed, arrived = 0, 0, False
    free = [(0.0, number) for number in range(WORKERS)]
    running: dict[int, tuple[int, Curve, int]] = {}
    while free and not arrived:
        clock, worker = heapq.heappop(free)
        if worker not in running:
            trial = suggester.suggest()
            if trial is None:
                continue
            store.set_lease(trial, Lease(worker=str(worker)))
            running[worker] = (trial.number, table.curve(trial.params), 0)
        number, curve, epoch = running[worker]
        steps += curve.steps
        borrowed += curve.steps * proposed([store.find(number)])
        running[worker] = (number, curve, epoch + 1)
        directive = store.report(str(worker), number, epoch + 1, curve.values[epoch])
        if epoch + 1 == EPOCHS:
            store.tell(number, max(curve.values), TrialState.COMPLETE)
            arrived = max(curve.values) >= goal
        elif directive == "prune":
            store.tell(number, None, TrialState.PRUNED)
        if epoch + 1 == EPOCHS or directive == "prune":
            del running[worker]
        heapq.heappush(free, (clock + 1, worker))
    trials = (trial_of(each, EPOCHS) for each in store.ended())
    return Replay(steps, borrowed, arrived, tuple(each for each in trials if each.scores))


def earlier_trials(table: Table, trials: int, seed: int) -> tuple[Trial, ...]:
    """Return the trials of an earlier study."""
    return replay(table, EARLIER_SEED + seed, math.inf, trials).trials


def moved(trials: Iterable[Trial], factor: float = FACTOR) -> tuple[Trial, ...]:
    """Return trials with their learning rates times `factor`, without those outside the space."""
    found = []
    for each in trials:
        rate = each.parameters["learning_rate"] * factor
        if LOW <= rate <= HIGH:
            found.append(replace(each, parameters={**each.parameters, "learning_rate": rate}))
    return tuple(found)


def reversed_scores(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return trials whose scores at each rung have changed places: the best has the worst."""
    scores = [list(each.scores) for each in trials]
    for rung in range(RUNGS):
        order = sorted(
            (index for index, each in enumerate(trials) if len(each.scores) > rung),
            key=lambda index: trials[index].scores[rung],
        )
        for index, other in zip(order, reversed(order), strict=True):
            scores[index][rung] = trials[other].scores[rung]
    return tuple(replace(each, scores=tuple(own)) for each, own in zip(trials, scores, strict=True))


Memory = Callable[[int], Sequence[Trial]]  # takes the seed


def main(arguments: Iterable[str] | None = None) -> None:
    """Replay; print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--earlier", type=Path, default=OTHER)
    parser.add_argument("--network", default="plain-12")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args(None if arguments is None else list(arguments))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tables = [
        Table(read(folder / f"{given.network}.csv")) for folder in (given.tables, given.earlier)
    ]
    print(
        f"{given.network}, {given.trials} random trials, {given.seeds} seeds\n"
        f"{'steps to 99 % of the best of full-length random search':<56}"
        f"{'median':>8}{'mean':>8}{'least':>8}{'most':>8}{'reached':>9}{'borrowed':>10}"
    )
    for name, (new, old) in {"": tables, "the other way: ": tables[::-1]}.items():
        compare(name, new, old, given.trials, given.seeds)


def compare(name: str, new: Table, old: Table, trials: int, seeds: int) -> None:
    """Print a row for each earlier study of searches on `new`."""
    memories: dict[str, Memory] = {
        "no earlier study": lambda seed: (),
        "other faces, easier": lambda seed: earlier_trials(old, trials, seed),
        "same faces, learning rates moved": lambda seed: moved(earlier_trials(new, trials, seed)),
        "misleading: reversed scores": lambda seed: reversed_scores(
            earlier_trials(new, trials, seed)
        ),
    }
    for title, memory in memories.items():
        shares, borrowed, arrived = [], 0.0, 0
        for seed in range(seeds):
            best, whole = full_search_target(new, trials, seed)
            found = replay(new, seed, WITHIN * best, MOST * trials, memory(seed))
            shares.append(found.steps / whole)
            borrowed += found.borrowed / whole
            arrived += found.arrived
        print(
            f"{name + title:<56}{median(shares):>8.1%}{mean(shares):>8.1%}"
            f"{min(shares):>8.0%}{max(shares):>8.0%}{arrived:>9}"
            f"{borrowed / seeds:>10.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
