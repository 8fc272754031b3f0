"""Everything the comparison needs, read back from MLflow alone."""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from mlflow.entities import Run
from pydantic import ValidationError

from faceseg.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation import Evaluation
from faceseg.records import Records
from pipelines import scoring
from pipelines.compare.slots import Spending, read_spending
from pipelines.compare.trials import Trial, read_trial
from pipelines.config import Experiment
from pipelines.config.claims import ENSEMBLE
from pipelines.panel import Panel, read_panel
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class Final:
    """One final: what was logged of it, its curves and its records of single images.

    `history` is empty of an ensemble.
    """

    number: int
    seed: int
    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    history: pd.DataFrame
    records: Records
    rows: dict[str, pd.DataFrame]  # by suite, its table, read off the records
    panel: Panel

    @property
    def tested(self) -> Evaluation:
        """The test images as they are."""
        if self.records.tested is None:
            raise UserError(f"the records of run {self.run_id} are of a trial: it was not tested")
        return self.records.tested


@dataclass(frozen=True)
class Contender:
    """What stands in a row: an architecture, a variant of one, or the ensemble.

    `trials` are those of its search, by number. `variant_of` names the architecture that it
    changes in one thing (such as the encoder's weights). Only architectures are rivals in claims
    about the best of all.
    """

    name: str
    finals: tuple[Final, ...]
    trials: tuple[Trial, ...] = ()
    variant_of: str | None = None

    @property
    def is_architecture(self) -> bool:
        """Whether it is neither a variant nor the ensemble."""
        return self.variant_of is None and self.name != ENSEMBLE

    @property
    def is_trained(self) -> bool:
        """Whether it was trained: an ensemble is made of others."""
        return self.name != ENSEMBLE

    @property
    def states(self) -> Counter[str]:
        """How the trials ended."""
        return Counter(trial.state for trial in self.trials)

    @property
    def trial_seconds(self) -> float:
        """The training time of all trials together."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def trial_epochs(self) -> int:
        """The epochs of all trials together."""
        return sum(trial.epochs for trial in self.trials)


@dataclass(frozen=True)
class Record:
    """One study. `masks` is the checksum of the occluders that its test images got."""

    experiment: str
    study: str
    run_id: str
    commit: str
    manifest: Manifest
    contenders: tuple[Contender, ...]
    settings: Experiment
    description: str = ""
    masks: str = ""
    spending: Spending = field(default_factory=Spending)

    @property
    def architectures(self) -> tuple[Contender, ...]:
        """The rivals: no variants, no ensemble."""
        return tuple(each for each in self.contenders if each.is_architecture)

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
        settings = _settings(tracker.fetch(run.info.run_id, "experiment.yaml", Path(folder)))
        contenders = tuple(
            _contender(
                tracker,
                experiment_id,
                name,
                study=study,
                winner=winner,
                folder=Path(folder),
                classes=manifest.classes,
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
        settings,
        run.data.tags.get("mlflow.note.content", ""),
        run.data.tags.get("faceseg.occlusion_masks", ""),
        read_spending(tracker, experiment_id, study, run),
    )


def _experiment_id(tracker: Tracker, name: str) -> str:
    found = tracker.client.get_experiment_by_name(name)
    if found is None:
        raise UserError(f"MLflow at {tracker.uri} has no experiment {name!r}")
    return str(found.experiment_id)


def _contender(
    tracker: Tracker,
    experiment_id: str,
    name: str,
    *,
    study: str,
    winner: str,
    folder: Path,
    classes: ClassSet,
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
        tuple(_final(tracker, run, folder / run.info.run_id, classes) for run in complete),
        tuple(sorted(map(read_trial, trials), key=lambda trial: trial.number)),
        complete[0].data.tags.get("faceseg.variant_of"),
    )


def _settings(file: Path) -> Experiment:
    """Read the experiment that the study was; UserError if another version wrote it."""
    try:
        return Experiment.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(
            f"the study's experiment.yaml in MLflow cannot be read by this version: {error}"
        ) from error


def _final(tracker: Tracker, run: Run, folder: Path, classes: ClassSet) -> Final:
    folder.mkdir(exist_ok=True)
    run_id = run.info.run_id
    try:
        records = Records.read(tracker.fetch(run_id, "confusion.npz", folder))
    except ValueError as error:
        raise UserError(f"run {run_id}: {error}") from error
    trained = run.data.tags["faceseg.architecture"] != ENSEMBLE
    final = Final(
        int(run.data.tags["faceseg.trial"]),
        int(run.data.tags["faceseg.seed"]),
        run_id,
        dict(run.data.metrics),
        dict(run.data.params),
        pd.read_csv(tracker.fetch(run_id, "history.csv", folder)) if trained else pd.DataFrame(),
        records,
        scoring.tables(records.conditions, classes),
        read_panel(tracker.fetch(run_id, "panel.npz", folder)),
    )
    check(final, classes)
    return final


def recomputed(final: Final, classes: ClassSet) -> dict[str, float]:
    """Return every score that a final's records come to; NaN where one is not defined."""
    return scoring.test_scores(final.tested, classes) | scoring.summaries(
        final.rows, final.records.blind
    )


def check(final: Final, classes: ClassSet) -> None:
    """Compute every logged score again from the records; UserError if one is another."""
    for name, value in recomputed(final, classes).items():
        logged = final.metrics.get(name, math.nan)
        if logged != value and not (math.isnan(logged) and math.isnan(value)):
            raise UserError(
                f"run {final.run_id}: {name} was logged as {logged!r}, and its records "
                f"(confusion.npz) come to {value!r}. One of the two was changed, or written by "
                "another version: run the study again under another name"
            )
