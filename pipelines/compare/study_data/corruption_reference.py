"""The pinned model that corruption errors are divided by: a version in the model registry.

It has the role that AlexNet has for ImageNet-C (Hendrycks and Dietterich 2019). Some kinds of
corruption are harder than others, so an error alone is hard to interpret. Divided by the error
of one fixed model it can be averaged over kinds and compared between studies.
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
    """The reference model's error under each kind of corruption.

    `errors` contains 1 - IoU, averaged over severities, by kind; it was measured on the first
    `images` test images. `name` is MODEL/VERSION.
    """

    name: str
    errors: dict[str, float]
    images: int

    def mean_error(self, final: FinalRun) -> float:
        """Return the mean corruption error of a final run.

        Returns:
            The mean over kinds of the run's error divided by the reference's; 1 means an error
            as large as the reference's.

        Raises:
            UserError: The run was measured on another number of images, or under a kind that
                the reference does not have.
        """
        rows = final.rows["corruption"]
        errors, images = _errors_by_kind(rows), int(rows.images.iloc[0])
        if images != self.images or not errors.keys() <= self.errors.keys():
            raise UserError(
                f"corruption_reference: {self.name} was measured on {self.images} images under "
                f"{', '.join(self.errors)}; this study on {images} images under "
                f"{', '.join(errors)}. Pin a version of a study with the same test images and "
                "robustness settings"
            )
        relative = corruption_errors(errors, self.errors)
        return sum(relative.values()) / len(relative)


def read_corruption_reference(
    tracker: Tracker, experiment: Experiment
) -> CorruptionReference | None:
    """Read the experiment's `corruption_reference` from the model registry.

    Returns:
        The reference; None if the experiment does not pin one.

    Raises:
        UserError: The registry has no such version, or the version has no scores under
            corruption.
    """
    if experiment.corruption_reference is None:
        return None
    name, _, number = experiment.corruption_reference.partition("/")
    try:
        run_id = tracker.client.get_model_version(name, number).run_id
    except MlflowException as error:
        raise UserError(
            f"corruption_reference: MLflow at {tracker.uri} has no version {number} of {name}; "
            "`faceseg models EXPERIMENT` lists the versions it has"
        ) from error
    with TemporaryDirectory(prefix="faceseg-") as folder:
        try:
            rows = pd.read_csv(tracker.fetch(run_id, "corruption.csv", Path(folder)))
        except UserError as error:
            raise UserError(
                f"corruption_reference: version {number} of {name} was not tested under cor-v1 "
                f"({error}); pin a version of a study with robustness.corruption"
            ) from error
    return CorruptionReference(f"{name}/{number}", _errors_by_kind(rows), int(rows.images.iloc[0]))


def _errors_by_kind(rows: pd.DataFrame) -> dict[str, float]:
    by_kind, _ = curves(rows, CORRUPTION.policies[0])
    return mean_errors(by_kind)
