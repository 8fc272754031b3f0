"""What is known of a version that stands for election: its run, its records, its classes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import MANIFEST, Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class ScoredVersion:
    """A version and all that it was measured on; `data` is the fingerprint of its images."""

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

    @property
    def name(self) -> str:
        """As people call it."""
        return f"version {self.version} of {self.model} ({self.architecture})"

    @property
    def tested(self) -> SplitEvaluation:
        """The test images as they are."""
        if self.records.tested is None:
            raise UserError(f"{self.name} was not tested: its run {self.run_id} is no final")
        return self.records.tested

    def metric(self, name: str) -> float:
        """Return a logged number; NaN if there is none."""
        return self.metrics.get(name, math.nan)


def read_scored_version(tracker: Tracker, version: ModelVersion) -> ScoredVersion:
    """Read a version's standing back from its run. UserError says what is missing, and the way on.

    The class set is that of the manifest on the study's run.
    """
    name = f"version {version.version} of {version.name}"
    try:
        run = tracker.client.get_run(version.run_id)
    except MlflowException as error:
        raise UserError(f"{name}: its run {version.run_id or '(none)'} is not to be had") from error
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
                f"{name} cannot be compared: {error}. Where an older version of this program made"
                " it, or nobody's study, set the alias by hand to a version that was tested"
            ) from error
    return ScoredVersion(
        version.name,
        str(version.version),
        run.info.run_id,
        tags.get("faceseg.architecture", "unknown"),
        tags.get("faceseg.study", "unknown"),
        tags.get("faceseg.data", manifest.fingerprint),
        tags.get("faceseg.host", "unknown"),
        dict(run.data.metrics),
        records,
        manifest.classes,
    )


def check_comparable(candidate: ScoredVersion, champion: ScoredVersion) -> None:
    """UserError unless both were tested on the same images, with the same labels and classes.

    The images may come from packs of different grids or training images (other fingerprints):
    what must agree are the test images' names and the number of pixels of each class on each.
    """
    if candidate.classes.names != champion.classes.names:
        raise UserError(
            f"{candidate.name} knows the classes {', '.join(candidate.classes.names)};"
            f" {champion.name} knows {', '.join(champion.classes.names)}. Who uses the champion"
            " would get other ids: promote it under another name, with --to NAME@champion"
        )
    mine, its = candidate.tested, champion.tested
    if mine.ids != its.ids or (mine.counts.sum(axis=2) != its.counts.sum(axis=2)).any():
        raise UserError(
            f"{candidate.name} was tested on {len(mine.ids)} images (data"
            f" {candidate.data[:12]}), {champion.name} on {len(its.ids)} others (data"
            f" {champion.data[:12]}): nothing sure can be said of which is better. Run the study"
            " that made the champion again on the new images, and promote the better of the two;"
            " or promote this one under another name, with --to NAME@champion"
        )
