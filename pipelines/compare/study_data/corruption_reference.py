"""The pinned model that corruption errors are relative to: a version of the registry, by number.

As AlexNet is for ImageNet-C (Hendrycks and Dietterich 2019): an error means little by itself, since
some kinds are harder than others; beside one fixed model's it can be averaged over kinds and
compared between studies.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from mlflow.exceptions import MlflowException

from faceseg.errors import UserError
from faceseg.robustness.suites import CORRUPTION
from faceseg.robustness.summary import corruption_errors, mean_errors
from faceseg.robustness.tables import curves
from pipelines.compare.study_data.study_results import FinalRun
from pipelines.config import Experiment
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class CorruptionReference:
    """The reference's error (1 - IoU, mean over severities) by kind, on `images` images."""

    name: str
    errors: dict[str, float]
    images: int

    def mean_error(self, final: FinalRun) -> float:
        """Return the mean corruption error of a final: 1 is the reference's own.

        UserError if it was measured on another number of images, or under other kinds.
        """
        rows = final.rows["corruption"]
        errors, images = _errors_by_kind(rows), int(rows.images.iloc[0])
        if images != self.images or not errors.keys() <= self.errors.keys():
            raise UserError(
                f"corruption_reference: {self.name} was measured on {self.images} images under "
                f"{', '.join(self.errors)}; this study on {images} under {', '.join(errors)}. Pin "
                "a version of a study with the same test images and robustness settings"
            )
        relative = corruption_errors(errors, self.errors)
        return sum(relative.values()) / len(relative)


def read_corruption_reference(
    tracker: Tracker, experiment: Experiment
) -> CorruptionReference | None:
    """Read the `corruption_reference`; None if there is none, UserError if it is lost."""
    if experiment.corruption_reference is None:
        return None
    name, _, number = experiment.corruption_reference.partition("/")
    try:
        run_id = tracker.client.get_model_version(name, number).run_id
    except MlflowException as error:
        raise UserError(
            f"corruption_reference: MLflow at {tracker.uri} has no version {number} of {name}; "
            "`faceseg models EXPERIMENT` lists those it has"
        ) from error
    with TemporaryDirectory(prefix="faceseg-") as folder:
        try:
            rows = pd.read_csv(tracker.fetch(run_id, "corruption.csv", Path(folder)))
        except UserError as error:
            raise UserError(
                f"corruption_reference: version {number} of {name} was not put through cor-v1 "
                f"({error}); pin a version of a study with robustness.corruption"
            ) from error
    return CorruptionReference(f"{name}/{number}", _errors_by_kind(rows), int(rows.images.iloc[0]))


def _errors_by_kind(rows: pd.DataFrame) -> dict[str, float]:
    by_kind, _ = curves(rows, CORRUPTION.policies[0])
    return mean_errors(by_kind)
