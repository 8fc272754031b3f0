"""Does a study that was disturbed hold all that it should, once? Faults come back as sentences."""

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
# What a table tells of the machine, of the day and of the length of names.
VARYING_COLUMNS = ("latency_", "memory_", "model_size", "train_seconds", "search_seconds", "commit")


@dataclass(frozen=True)
class StudyAudit:
    """The books of one finished study.

    database, artifacts: where MLflow keeps them. view: what comes before the paths that the study
    itself knows, if it ran in another place.
    """

    experiment: Experiment
    database: Path
    artifacts: Path
    view: Path = Path("/")

    @property
    def storage(self) -> Path:
        """The study's storage, as seen from here."""
        return self.view / self.experiment.storage.relative_to("/")

    def faults(self) -> list[str]:
        """Return everything that is not as it should be."""
        return [*self.trials(), *self.runs(), *self.curves(), *self.files(), *self.registry()]

    def trials(self) -> list[str]:
        """Optuna: every number of the budget once, and ended well."""
        known = self._known()
        faults = [
            f"{each.name} is {each.state} {each.attributes.get('reason', '')}"
            for each in known
            if each.state != "COMPLETE"
        ]
        for architecture in self.experiment.architectures:
            mine = f"{self.experiment.study}/{architecture}/"
            for kind, wanted in (
                ("search", self.experiment.search.trials),
                ("finals-", self.experiment.finals.seeds),
            ):
                found = [each for each in known if each.study.startswith(mine + kind)]
                numbers = sorted(each.number for each in found)
                if numbers != list(range(wanted)):
                    faults.append(f"{mine}{kind}: the trials {numbers}, not {wanted}")
        return faults

    def jobs(self) -> list[stored_study.StoredRun]:
        """Return the MLflow runs of all trials and finals."""
        return [run for run in self._all() if run.job[0] in ("trial", "final")]

    def runs(self) -> list[str]:
        """MLflow: one run a job and one for the study, and all of them finished."""
        found = self._all()
        count = Counter(run.job for run in found)
        budget = {("study", "-", "-"): 1}
        for name in self.experiment.architectures:
            kinds = (("trial", self.experiment.search.trials), ("final", self._finals))
            budget |= {
                (kind, name, str(number)): 1 for kind, many in kinds for number in range(many)
            }
        faults = [
            f"{'/'.join(job)}: {count[job]} runs, not {budget.get(job, 0)}"
            for job in sorted(count.keys() | budget.keys())
            if count[job] != budget.get(job, 0)
        ]
        faults += [f"{run.name} is {run.status}" for run in found if run.status != "FINISHED"]
        return faults

    def curves(self) -> list[str]:
        """Every curve of every job: each step exactly once, and what Optuna was told."""
        faults = []
        told = {each.name: each.reported for each in self._known()}
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
            kind, architecture, number = run.job
            place = "search" if kind == "trial" else f"finals-{run.tags.get('faceseg.winner')}"
            name = f"{self.experiment.study}/{architecture}/{place}/{number}"
            if told.get(name) != dict(run.curves.get("val/iou", [])):
                faults.append(f"{run.name}: Optuna was told {told.get(name)}")
        return faults

    def files(self) -> list[str]:
        """Every job's artifacts are there, and whole."""
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
        """One version a final; the aliases stand on finals of their architecture."""
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
                faults.append(f"alias {alias} stands on a version of {architecture}")
        return faults

    def attempts(self) -> dict[str, int]:
        """Return how often each job was begun."""
        return {run.name: run.attempts for run in self.jobs()}

    def epochs(self) -> int:
        """Return how many epochs the whole study has."""
        return sum(self._epochs(run) for run in self.jobs())

    @property
    def table(self) -> Path:
        """The comparison's table."""
        return self.storage / self.experiment.name / "comparison.csv"

    @property
    def _finals(self) -> int:
        return self.experiment.finals.seeds

    def _all(self) -> list[stored_study.StoredRun]:
        return stored_study.runs(self.database, self.experiment.name)

    def _known(self) -> list[stored_study.StoredTrial]:
        return stored_study.trials(self.storage / "optuna.db")

    def _epochs(self, run: stored_study.StoredRun) -> int:
        usual = self.experiment.training.epochs
        return self.experiment.finals.epochs or usual if run.job[0] == "final" else usual


def unreadable_arrays(path: Path) -> list[str]:
    """Read all arrays of a file; say so if that fails."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    except Exception as error:
        return [f"{path} cannot be read: {type(error).__name__}: {error}"]
    return []


def differences(table: Path, other: Path) -> list[str]:
    """Compare two tables, row by row, of the architectures that both have."""
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
