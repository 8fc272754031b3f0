"""A candidate or champion with all its scores: its run, its evaluation records and its classes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from rich.console import Console

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import MANIFEST, Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from pipelines.config.names import is_judged
from pipelines.tracking import Tracker


@dataclass(frozen=True, kw_only=True)
class ScoredVersion:
    """A registered version, or a judged network, and its scores.

    Attributes:
        model: The name of the registered model.
        version: The number of the version; for a judged network its name, since it has no version.
        run_id: Its MLflow run.
        architecture: Its architecture.
        study: The study that trained it.
        data: The fingerprint of the data set.
        host: The machine on which its latency was measured.
        metrics: The metrics of its run.
        records: The evaluation records of its test.
        classes: The class set of the study's manifest.
        drawn: Whether it was trained on drawn faces.
    """

    model: str
    version: str
    run_id: str
    architecture: str
    study: str
    data: str
    host: str
    metrics: Mapping[str, float]
    records: EvaluationRecords
    classes: ClassSet
    drawn: bool = False

    @property
    def name(self) -> str:
        """The version as messages name it."""
        if is_judged(self.version):
            return self.version
        return f"version {self.version} of {self.model} ({self.architecture})"

    @property
    def tested(self) -> SplitEvaluation:
        """The evaluation of the clean test images."""
        if self.records.tested is None:
            raise UserError(
                f"{self.name} was not tested, because its run {self.run_id} is not a final"
            )
        return self.records.tested

    def metric(self, name: str) -> float:
        """Return a metric of the run; NaN if it was not logged."""
        return self.metrics.get(name, math.nan)


def read_scored_version(tracker: Tracker, version: ModelVersion) -> ScoredVersion:
    """Read the scores of a version from its run and from the run of its study.

    Args:
        tracker: The MLflow server.
        version: The version.

    Raises:
        UserError: The run or one of its files is missing or cannot be read.
    """
    name = f"version {version.version} of {version.name}"
    try:
        run = tracker.client.get_run(version.run_id)
    except MlflowException as error:
        raise UserError(f"{name}: its run {version.run_id or '(none)'} does not exist") from error
    return read_scored_run(tracker, run, name, model=version.name, version=str(version.version))


def read_scored_run(
    tracker: Tracker, run: Run, name: str, *, model: str, version: str
) -> ScoredVersion:
    """Read the scores of a tested network from its run and from the run of its study.

    Args:
        tracker: The MLflow server.
        run: The run.
        name: What it is, for messages.
        model: The name of the registered model.
        version: The number of the version, or the name of a judged network.

    Raises:
        UserError: A file of the run is missing or cannot be read.
    """
    tags = run.data.tags
    with TemporaryDirectory(prefix="faceseg-") as folder:
        try:
            file = tracker.fetch(run.info.run_id, "confusion.npz", Path(folder))
            records = EvaluationRecords.read(file)
            parent = tags.get("mlflow.parentRunId", run.info.run_id)
            manifest_file = tracker.fetch(parent, MANIFEST, Path(folder))
            manifest = Manifest.model_validate_json(manifest_file.read_bytes())
        except (UserError, ValueError) as error:
            raise UserError(
                f"{name} cannot be compared: {error}. If an older faceseg or another program"
                " created it, set the alias by hand to a version that was tested"
            ) from error
    return ScoredVersion(
        model=model,
        version=version,
        run_id=run.info.run_id,
        architecture=tags.get("faceseg.architecture", "unknown"),
        study=tags.get("faceseg.study", "unknown"),
        data=tags.get("faceseg.data", manifest.fingerprint),
        host=tags.get("faceseg.latency_host", tags.get("faceseg.host", "unknown")),
        metrics=dict(run.data.metrics),
        records=records,
        classes=manifest.classes,
        drawn=manifest.source.get("source") == "drawn",
    )


def replaces_drawn(candidate: ScoredVersion, champion: ScoredVersion) -> bool:
    """Return whether a network trained on photographs may replace one trained on drawn faces.

    The quickstart and LaPa share a registered model, and drawn faces are a demonstration: the two
    need not be compared.
    """
    same_classes = candidate.classes.names == champion.classes.names
    return champion.drawn and not candidate.drawn and same_classes


def read_champion(
    tracker: Tracker, version: ModelVersion, candidate: ScoredVersion, console: Console
) -> ScoredVersion | None:
    """Return the champion; None, after a line on the console, if it is replaced unseen.

    Args:
        tracker: The MLflow server of the champion.
        version: Its version.
        candidate: The candidate.
        console: Receives the line.

    Raises:
        UserError: The champion's run or one of its files is missing or cannot be read.
    """
    champion = read_scored_version(tracker, version)
    if not replaces_drawn(candidate, champion):
        return champion
    console.print(
        f"{champion.name} was trained on drawn faces: a network that was trained on photographs "
        "may replace it without a comparison",
        highlight=False,
    )
    return None


def check_comparable(candidate: ScoredVersion, champion: ScoredVersion) -> None:
    """Raise an error unless both were tested on the same images, with the same labels and classes.

    The images may come from packs of different grids or training images (other fingerprints).
    What must agree are the names of the test images and each image's pixels per class.

    Raises:
        UserError: The classes, the test images or their labels differ.
    """
    if candidate.classes.names != champion.classes.names:
        raise UserError(
            f"{candidate.name} has the classes {', '.join(candidate.classes.names)};"
            f" {champion.name} has {', '.join(champion.classes.names)}. Users of the champion"
            " would get other class ids: promote it under another name, with --to NAME@champion"
        )
    own, other = candidate.tested, champion.tested
    if own.ids != other.ids or (own.counts.sum(axis=2) != other.counts.sum(axis=2)).any():
        raise UserError(
            f"{candidate.name} was tested on {len(own.ids)} images (data"
            f" {candidate.data[:12]}), {champion.name} on {len(other.ids)} others (data"
            f" {champion.data[:12]}), so their scores cannot be compared. Run the champion's study"
            " again on the new images, and promote the better of the two; or promote this one"
            " under another name, with --to NAME@champion"
        )
