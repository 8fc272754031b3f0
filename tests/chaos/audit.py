"""Check that a disturbed study has stored everything once. Faults are returned as sentences."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.config import Experiment

from . import stored_study

EPOCH = ("train/loss", "val/loss", "val/iou", "learning_rate", "images_per_second")
FILES = (
    *("checkpoints/best.keras", "history.csv", "occlusion.csv", "confusion.npz"),
    *("experiment.yaml", "figures/predictions.png"),
)
FINAL_FILES = (*FILES, "panel.npz")
# Columns that depend on the machine, on the day or on the length of names.
VARYING_COLUMNS = (
    "latency_",
    "memory_",
    "throughput_",
    "model_size",
    "train_seconds",
    "search_seconds",
    "spent_",
    "commit",
)


@dataclass(frozen=True, kw_only=True)
class StudyAudit:
    """The checks of one finished study.

    Attributes:
        experiment: The study's experiment.
        database: MLflow's database.
        artifacts: The folder of MLflow's artifacts.
        view: The prefix of the experiment's paths, if the study ran in another namespace.
    """

    experiment: Experiment
    database: Path
    artifacts: Path
    view: Path = Path("/")

    @property
    def storage(self) -> Path:
        """The study's storage, as a path of this process."""
        return self.view / self.experiment.storage.relative_to("/")

    def faults(self) -> list[str]:
        """Return the faults of all checks."""
        return [*self.trials(), *self.runs(), *self.curves(), *self.files(), *self.registry()]

    def trials(self) -> list[str]:
        """Check Optuna's trials: each number of the budget once, and complete or pruned."""
        trials = self._stored_trials()
        faults = [
            f"{each.name} is {each.state} {each.attributes.get('reason', '')}"
            for each in trials
            if each.state not in self._end_states(each)
        ]
        for architecture in self.experiment.architectures:
            prefix = f"{self.experiment.study}/{architecture}/"
            for kind, wanted in (
                ("search", self.experiment.search.trials),
                ("finals-", self.experiment.finals.seeds),
            ):
                found = [each for each in trials if each.study.startswith(prefix + kind)]
                numbers = sorted(each.number for each in found)
                if numbers != list(range(wanted)):
                    faults.append(f"{prefix}{kind}: the trials {numbers}, not {wanted}")
        return faults

    def jobs(self) -> list[stored_study.StoredRun]:
        """Return the MLflow runs of all trials and finals."""
        return [run for run in self._all() if run.job[0] in ("trial", "final")]

    def runs(self) -> list[str]:
        """Check MLflow's runs: one per job and one for the study, all finished."""
        found = self._all()
        count = Counter(run.job for run in found)
        budget = {("study", "-", "-"): 1}
        for name in self.experiment.architectures:
            kinds = (("trial", self.experiment.search.trials), ("final", self._finals))
            budget |= {
                (kind, name, str(number)): 1
                for kind, count_of_kind in kinds
                for number in range(count_of_kind)
            }
        faults = [
            f"{'/'.join(job)}: {count[job]} runs, not {budget.get(job, 0)}"
            for job in sorted(count.keys() | budget.keys())
            if count[job] != budget.get(job, 0)
        ]
        faults += [f"{run.name} is {run.status}" for run in found if run.status != "FINISHED"]
        return faults

    def curves(self) -> list[str]:
        """Check the curves of every job: each step once, with the values that Optuna has."""
        faults = []
        reported = {each.name: each.reported for each in self._stored_trials()}
        for run in self.jobs():
            epochs = list(range(1, self._epochs(run) + 1))
            for key, curve in run.curves.items():
                steps = [step for step, _ in curve]
                if len(steps) != len(set(steps)):
                    faults.append(f"{run.name}: {key} has steps twice: {steps}")
                if key.startswith("system/") and steps != list(range(len(steps))):
                    faults.append(f"{run.name}: {key} has gaps: {steps}")
            for key in EPOCH:
                steps = [step for step, _ in run.curves.get(key, [])]
                if steps != epochs:
                    faults.append(f"{run.name}: {key} has the steps {steps}, not 1 to {epochs[-1]}")
            found = reported.get(self._trial_name(run))
            if found != dict(run.curves.get("val/iou", [])):
                faults.append(f"{run.name}: Optuna has {found}")
        return faults

    def files(self) -> list[str]:
        """Check every job's artifacts: they exist and can be read."""
        faults = []
        for run in self.jobs():
            for name in FINAL_FILES if run.job[0] == "final" else FILES:
                path = run.file(name, self.artifacts)
                if not path.is_file() or not path.stat().st_size:
                    faults.append(f"{run.name} has no {name}")
                elif name.endswith(".npz"):
                    faults += unreadable_arrays(path)
        return faults

    def registry(self) -> list[str]:
        """Check the registry: one version per final, each alias on the right architecture."""
        model = self.experiment.tracking.registered_model
        versions = stored_study.versions(self.database, model)
        finals = {run.run_id: run for run in self.jobs() if run.job[0] == "final"}
        if sorted(versions.values()) != sorted(finals):
            return [f"versions are of the runs {versions}, finals are {sorted(finals)}"]
        faults = []
        aliases = stored_study.aliases(self.database, model)
        wanted = {"champion", *(f"best-{name}" for name in self.experiment.architectures)}
        if aliases.keys() != wanted:
            faults.append(f"the aliases are {sorted(aliases)}, not {sorted(wanted)}")
        for alias, version in aliases.items():
            architecture = finals[versions[version]].job[1]
            if alias.startswith("best-") and alias != f"best-{architecture}":
                faults.append(f"alias {alias} is on a version of {architecture}")
        return faults

    def repeated_trials(self, other: "StudyAudit") -> tuple[int, list[str]]:
        """Compare the trials that have the same number and settings in another study.

        Returns:
            How many there are, and those whose common epochs have other values.
        """
        theirs = {each.name.partition("/")[2]: each for each in other._stored_trials()}
        common = [
            (each, same)
            for each in self._stored_trials()
            if (same := theirs.get(each.name.partition("/")[2])) and same.settings == each.settings
        ]
        return len(common), [
            mine.name
            for mine, same in common
            if any(
                mine.reported[step] != same.reported[step]
                for step in mine.reported.keys() & same.reported
            )
        ]

    def attempts(self) -> dict[str, int]:
        """Return how many attempts each job had."""
        return {run.name: run.attempts for run in self.jobs()}

    def epochs(self) -> int:
        """Return the number of epochs of the whole study."""
        return sum(self._epochs(run) for run in self.jobs())

    @property
    def table(self) -> Path:
        """The path of the comparison's table."""
        return self.storage / self.experiment.name / "comparison.csv"

    @property
    def _finals(self) -> int:
        return self.experiment.finals.seeds

    def _all(self) -> list[stored_study.StoredRun]:
        return stored_study.runs(self.database, self.experiment.name)

    def _stored_trials(self) -> list[stored_study.StoredTrial]:
        return stored_study.trials(self.storage / "optuna.db")

    def _end_states(self, trial: stored_study.StoredTrial) -> tuple[str, ...]:
        pruned = self.experiment.search.pruner != "none" and trial.study.endswith("/search")
        return ("COMPLETE", "PRUNED") if pruned else ("COMPLETE",)

    def _trial_name(self, run: stored_study.StoredRun) -> str:
        kind, architecture, number = run.job
        store = "search" if kind == "trial" else f"finals-{run.tags.get('faceseg.winner')}"
        return f"{self.experiment.study}/{architecture}/{store}/{number}"

    def _epochs(self, run: stored_study.StoredRun) -> int:
        """Return the epochs that a job has to have: all, or those before it was pruned."""
        trial_epochs = self.experiment.training.epochs
        if run.job[0] == "final":
            return self.experiment.finals.epochs or trial_epochs
        pruned = {
            each.name: len(each.reported)
            for each in self._stored_trials()
            if each.state == "PRUNED"
        }
        return pruned.get(self._trial_name(run), trial_epochs)


def unreadable_arrays(path: Path) -> list[str]:
    """Read all arrays of a file; return a fault if that fails."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    except Exception as error:
        return [f"{path} cannot be read: {type(error).__name__}: {error}"]
    return []


def differences(table: Path, other: Path) -> list[str]:
    """Return the differences of two tables in the rows of architectures that both contain."""
    one, two = (pd.read_csv(path).set_index("architecture") for path in (table, other))
    common = one.index.intersection(two.index)
    if common.empty:
        return [f"no architecture is in both {list(one.index)} and {list(two.index)}"]
    if list(one.columns) != list(two.columns):
        return [f"columns differ: {sorted(set(one.columns) ^ set(two.columns))}"]
    scores = [name for name in one.columns if not name.startswith(VARYING_COLUMNS)]
    return [
        f"{row}.{name}: {one.loc[row, name]!r} and {two.loc[row, name]!r}"
        for row in common
        for name in scores
        if not (one.loc[row, name] == two.loc[row, name] or bool(pd.isna(one.loc[row, name])))
    ]
