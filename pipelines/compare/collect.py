"""Everything the comparison needs, read back from MLflow alone."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from mlflow.entities import Run

from faceseg.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.metrics import Counts
from pipelines.panel import Panel, read_panel
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class Final:
    """One final: its scores, its curves and its records of single images."""

    number: int
    seed: int
    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    history: pd.DataFrame
    occlusion: pd.DataFrame
    test_ids: tuple[str, ...]
    test_counts: Counts
    panel: Panel


@dataclass(frozen=True)
class Contender:
    """One architecture: its finals, and what its search cost."""

    name: str
    finals: tuple[Final, ...]
    states: Counter[str]
    trial_seconds: float
    trial_epochs: int


@dataclass(frozen=True)
class Record:
    """One study."""

    experiment: str
    study: str
    run_id: str
    commit: str
    manifest: Manifest
    contenders: tuple[Contender, ...]
    description: str = ""

    @property
    def classes(self) -> ClassSet:
        """The classes that were scored."""
        return self.manifest.classes


def collect(tracker: Tracker, experiment: str, study: str) -> Record:
    """Read a study back; UserError names what is missing."""
    experiment_id = _experiment_id(tracker, experiment)
    runs = tracker.find_runs(experiment_id, study=study, kind="study")
    if not runs:
        raise UserError(
            f"MLflow at {tracker.uri} has no study {study} in experiment {experiment!r}; run "
            "`faceseg study` with this experiment first"
        )
    run = runs[0]
    winners = {
        key.removeprefix("faceseg.winner."): value
        for key, value in run.data.tags.items()
        if key.startswith("faceseg.winner.")
    }
    if not winners:
        raise UserError(f"study {study} has no winners yet: its search has not ended")
    with TemporaryDirectory(prefix="faceseg-") as folder:
        manifest_file = tracker.fetch(run.info.run_id, "manifest.json", Path(folder))
        manifest = Manifest.model_validate_json(manifest_file.read_bytes())
        contenders = tuple(
            _contender(
                tracker, experiment_id, name, study=study, winner=winner, folder=Path(folder)
            )
            for name, winner in winners.items()
        )
    return Record(
        experiment,
        study,
        run.info.run_id,
        run.data.tags.get("faceseg.commit", "unknown"),
        manifest,
        contenders,
        run.data.tags.get("mlflow.note.content", ""),
    )


def _experiment_id(tracker: Tracker, name: str) -> str:
    found = tracker.client.get_experiment_by_name(name)
    if found is None:
        raise UserError(f"MLflow at {tracker.uri} has no experiment {name!r}")
    return str(found.experiment_id)


def _contender(
    tracker: Tracker, experiment_id: str, name: str, *, study: str, winner: str, folder: Path
) -> Contender:
    finals = tracker.find_runs(
        experiment_id, study=study, kind="final", architecture=name, winner=winner
    )
    complete = [run for run in finals if run.data.tags.get("faceseg.state") == "complete"]
    if not complete:
        raise UserError(f"study {study} has no finished final of {name}; run the study again")
    trials = tracker.find_runs(experiment_id, study=study, kind="trial", architecture=name)
    return Contender(
        name,
        tuple(_final(tracker, run, folder / run.info.run_id) for run in complete),
        Counter(run.data.tags.get("faceseg.state", "unfinished") for run in trials),
        sum(run.data.metrics.get("seconds/training", 0.0) for run in trials),
        int(sum(run.data.metrics.get("epochs", 0) for run in trials)),
    )


def _final(tracker: Tracker, run: Run, folder: Path) -> Final:
    folder.mkdir(exist_ok=True)
    run_id = run.info.run_id
    with np.load(tracker.fetch(run_id, "test_confusion.npz", folder), allow_pickle=False) as stored:
        ids = tuple(str(name) for name in stored["ids"])
        counts = stored["counts"].astype(np.int64)
    return Final(
        int(run.data.tags["faceseg.trial"]),
        int(run.data.tags["faceseg.seed"]),
        run_id,
        dict(run.data.metrics),
        dict(run.data.params),
        pd.read_csv(tracker.fetch(run_id, "history.csv", folder)),
        pd.read_csv(tracker.fetch(run_id, "occlusion.csv", folder)),
        ids,
        counts,
        read_panel(tracker.fetch(run_id, "panel.npz", folder)),
    )
