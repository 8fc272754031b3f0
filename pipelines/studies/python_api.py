"""`faceseg study` and `faceseg train` as functions, for notebooks and scripts.

They give the same results as the verbs: an experiment's file, its overrides and its storage mean
the same, so a study that was begun with one can be resumed with the other.
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console

from faceseg.errors import UserError
from pipelines.cluster import submit, versions
from pipelines.config import load
from pipelines.studies.experiment import open_study_experiment
from pipelines.studies.single_training import TrainingResult
from pipelines.studies.single_training import run as run_training
from pipelines.studies.study import run as run_study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StudyResult", "TrainingResult", "study", "train"]


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """The result of a study.

    Attributes:
        name: The study's name, as in MLflow's tag `faceseg.study`.
        folder: The folder of the comparison: `comparison.html`, `comparison.csv`, figures.
        tracking_uri: The address of MLflow.
        comparison: The table in `comparison.csv`: one row for each architecture.
    """

    name: str
    folder: Path
    tracking_uri: str
    comparison: "pd.DataFrame" = field(repr=False, compare=False)


def study(
    experiment: str | os.PathLike[str], *overlays: str | os.PathLike[str], **overrides: object
) -> StudyResult:
    """Run a study, or resume it: prepare, search, train and test the finals, compare.

    Args:
        experiment: A YAML file, or the name of an included experiment where no such file exists.
        *overlays: Files or names whose values override those of the experiment, in their order;
            `--set @FILE` of the command line.
        **overrides: Single values, which override all files; `--set KEY=VALUE` of the command
            line. In a key, `__` stands for the dot: `search__trials=2`. A key that is not a
            Python name is passed as `**{"architectures.reference-unet.width": 0.5}`.

    Returns:
        The study's name, folder, MLflow address and comparison.

    Raises:
        UserError: The experiment is not valid or cannot run here, another process runs the same
            study, or the study was begun on other images, another backend or other occluders.

    Example:
        >>> result = pipelines.study("quickstart", search__trials=2, storage="results/first")
        >>> result.comparison[["architecture", "iou"]]
    """
    import pandas as pd

    versions.check_sender_versions()
    settings = open_study_experiment(Path(experiment), _as_overrides(overlays, overrides))
    submit.check_job(settings)
    folder = run_study(settings, _console())
    return StudyResult(
        name=settings.study,
        folder=folder,
        tracking_uri=settings.tracking_uri,
        comparison=pd.read_csv(folder / "comparison.csv"),
    )


def train(
    experiment: str | os.PathLike[str],
    architecture: str,
    *overlays: str | os.PathLike[str],
    **overrides: object,
) -> TrainingResult:
    """Train one architecture once, in this process, with the experiment's training settings.

    The training is logged in MLflow like a trial, but belongs to no study. The number of threads
    and the share of a GPU cannot be changed after the first training of a process.

    Args:
        experiment: A YAML file, or the name of an included experiment where no such file exists.
        architecture: One of the experiment's architectures.
        *overlays: Files or names whose values override those of the experiment; see `study`.
        **overrides: Single values; see `study`.

    Returns:
        The best validation IoU and the MLflow run. `best_iou` is None if the training failed,
        for instance because its loss became infinite; `failure` is the reason.

    Raises:
        UserError: The experiment is not valid or cannot run here, or has no such architecture.

    Example:
        >>> result = pipelines.train("quickstart", "unet", training__epochs=2)
        >>> f"{result.best_iou:.4f} in run {result.run_id}"
    """
    settings = load(Path(experiment), _as_overrides(overlays, overrides))
    return run_training(settings, architecture, _console())


def _console() -> Console:
    """Return a console that prints plain lines in a notebook, and brackets as they are.

    Rich's own output for notebooks requires ipywidgets.
    """
    return Console(force_jupyter=False, markup=False)


def _as_overrides(
    overlays: tuple[str | os.PathLike[str], ...], overrides: dict[str, object]
) -> tuple[str, ...]:
    """Return the overlays and single values as for `--set`."""
    files = (f"@{os.fspath(overlay)}" for overlay in overlays)
    values = (_as_override(name, value) for name, value in overrides.items())
    return (*files, *values)


def _as_override(name: str, value: object) -> str:
    """Return `KEY=VALUE` as for `--set`."""
    key = name.replace("__", ".")
    plain = os.fspath(value) if isinstance(value, os.PathLike) else value
    try:
        text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=math.inf)
    except yaml.YAMLError as error:
        raise UserError(
            f"{key}: expected a value that YAML can represent (a number, text, list, dict, ...); "
            f"got {value!r}"
        ) from error
    text = text.removesuffix("...\n").rstrip("\n")  # the end of a document
    return f"{key}={text}"
