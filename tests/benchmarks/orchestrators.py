"""A study on faceseg, on Ray Tune and with plain Optuna: overhead, and time for equal work.

    python -m tests.benchmarks.orchestrators nothing [--trials 60] [--rounds 3]
    python -m tests.benchmarks.orchestrators faces [--trials 12] [--epochs 6] [--rounds 1]

`nothing`: trials that report three values, two at a time, with TPE and a pruner of successive
halving (Ray Tune: OptunaSearch and ASHA, function trainables; Optuna: one process, sqlite, one
trial after the other). The table has the seconds of a trial from the tenth part on, when all
workers have started, and the seconds of the whole study. `faces`: small trainings without pruning,
so that all do the same work. faceseg: two workers of one thread. Optuna: one process with two
threads, once with a new network for each trial as in its tutorials, and once with one compiled
network of faceseg. Ray Tune: a process for each trial, two at a time. Every study runs in a process
of its own; the contenders take turns.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.machine import described
from tests.benchmarks.trainables import BATCH_SIZES, RATES, Faces, make_pack, nothing

SLOTS = 2


@dataclass(frozen=True)
class Study:
    """The task: `trials` of `work` ("nothing" or "faces"), with a pack for the latter."""

    work: str
    trials: int
    epochs: int
    pack: Path

    def trainable(self, threads: int, keeps: bool) -> Any:
        """Return the function of a trial."""
        return nothing if self.work == "nothing" else Faces(self.pack, self.epochs, threads, keeps)


Ends = list[float]  # when each trial ended, in seconds since the start of the study


def ours(study: Study, folder: Path) -> Ends:
    """Run it on the coordinator and warm workers of faceseg."""
    import ray

    from tests.benchmarks import faceseg_study

    ray.cloudpickle.register_pickle_by_value(faceseg_study)
    return faceseg_study.run(study, folder, SLOTS)


def ray_tune(study: Study, folder: Path) -> Ends:
    """Run it on Ray Tune: function trainables, OptunaSearch, ASHA if trials may be pruned."""
    import optuna
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
    from ray.tune.search.optuna import OptunaSearch

    ends: Ends = []
    work = study.trainable(threads=1, keeps=False)

    class Watch(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            ends.append(time.perf_counter() - began)

    def trainable(settings: dict[str, Any]) -> None:
        def report(epoch: int, value: float) -> bool:
            tune.report({"value": value, "epoch": epoch})
            return True

        work(settings, report)

    space = {
        "learning_rate": tune.loguniform(*RATES),
        "batch_size": tune.choice(BATCH_SIZES),
    }
    prunes = study.work == "nothing"
    scheduler = ASHAScheduler("epoch", max_t=study.epochs, grace_period=1, reduction_factor=3)
    began = time.perf_counter()
    ray.init(address="local", num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={},
        tune_config=tune.TuneConfig(
            metric="value",
            mode="max",
            search_alg=OptunaSearch(space, metric="value", mode="max", seed=0),
            scheduler=scheduler if prunes else FIFOScheduler(),
            num_samples=study.trials,
            max_concurrent_trials=SLOTS,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder), name="tune", callbacks=[Watch()], verbose=0
        ),
    ).fit()
    ray.shutdown()
    return ends


def optuna_alone(study: Study, folder: Path, keeps: bool = False) -> Ends:
    """Run it in this process, one trial after the other."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ends: Ends = []
    work = study.trainable(threads=SLOTS, keeps=keeps)
    prunes = study.work == "nothing"

    def objective(trial: optuna.Trial) -> float:
        settings = {
            "learning_rate": trial.suggest_float("learning_rate", *RATES, log=True),
            "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
        }

        def report(epoch: int, value: float) -> bool:
            trial.report(value, epoch)
            return not (prunes and trial.should_prune())

        return float(work(settings, report))

    began = time.perf_counter()
    optuna.create_study(
        storage=f"sqlite:///{folder}/optuna.db",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(reduction_factor=3),
        direction="maximize",
    ).optimize(
        objective,
        study.trials,
        callbacks=[lambda *_: ends.append(time.perf_counter() - began)],
    )
    return ends


def optuna_keeping(study: Study, folder: Path) -> Ends:
    """Run it in this process with one compiled network for all trials."""
    return optuna_alone(study, folder, keeps=True)


ALL: dict[str, Callable[[Study, Path], Ends]] = {
    "ours": ours,
    "Ray Tune": ray_tune,
    "Optuna, one process": optuna_alone,
    "Optuna, one network kept": optuna_keeping,
}


def timed(name: str, study: Study) -> Ends:
    """Run a study in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    folder = Path(tempfile.mkdtemp(prefix="faceseg-study-"))
    process = spawn.Process(target=_alone, args=(name, study, folder, theirs))
    try:
        process.start()
        theirs.close()
        ends: Ends = mine.recv()
        process.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ends


def _alone(name: str, study: Study, folder: Path, line: Any) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # hide Ray Tune's own tables
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # By default Ray starts its workers at the lowest priority.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # the spelling of Ray
    line.send(sorted(ALL[name](study, folder)))


def steady(ends: Ends) -> float:
    """Return the seconds of a trial, without the first tenth of the trials."""
    first = max(1, len(ends) // 10)
    return (ends[-1] - ends[first - 1]) / (len(ends) - first)


def row(name: str, runs: list[Ends], firsts: list[Ends]) -> str:
    """Return a line of the table: medians over the rounds, and ratios to faceseg in each round."""
    whole = [ends[-1] for ends in runs]
    rates = [steady(ends) for ends in runs]
    ratios = [ends[-1] / ours[-1] for ends, ours in zip(runs, firsts, strict=True)]
    steadies = [steady(ends) / steady(ours) for ends, ours in zip(runs, firsts, strict=True)]
    return (
        f"{name:<26}{len(runs[0]):>7}{median(whole):>10.1f}{median(ratios):>9.2f}"
        f"{median(rates):>13.3f}{median(steadies):>9.2f}"
    )


HEADING = (
    f"{'':<26}{'trials':>7}{'study, s':>10}{'relative':>9}{'s a trial':>13}{'relative':>9}\n"
    f"{'':<26}{'':>7}{'':>10}{'':>9}{'once running':>13}"
)


def main(arguments: Iterable[str] | None = None) -> None:
    """Run all in turns; print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", choices=("nothing", "faces"))
    parser.add_argument("--trials", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=ALL, nargs="+", default=list(ALL))
    given = parser.parse_args(None if arguments is None else list(arguments))
    idle = given.work == "nothing"
    print(described("ray", "optuna", "tensorflow"), flush=True)
    with tempfile.TemporaryDirectory(prefix="faceseg-pack-") as place:
        study = Study(
            given.work,
            given.trials or (60 if idle else 12),
            given.epochs or (3 if idle else 6),
            Path(place) if idle else make_pack(Path(place)),
        )
        names = [name for name in given.only if not (idle and name == "Optuna, one network kept")]
        runs: dict[str, list[Ends]] = {name: [] for name in names}
        rounds = given.rounds or (3 if idle else 1)
        for number in range(rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                runs[name].append(timed(name, study))
                last = runs[name][-1]
                print(f"round {number + 1}: {name} {last[-1]:.1f} s", file=sys.stderr, flush=True)
    print(HEADING)
    for name in names:
        print(row(name, runs[name], runs[names[0]]), flush=True)


if __name__ == "__main__":
    main()
