"""What the verbs of the command line share: their arguments, and how an experiment is opened."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceseg.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.config import Experiment

ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT", help="An experiment's YAML file.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one value: search.trials=50; or @FILE: all it says.",
    ),
]


def load_experiment(path: Path, override: list[str] | None) -> "Experiment":
    """Read an experiment; UserError says what is wrong in it."""
    from pipelines import config

    settings = config.load(path, tuple(override or ()))
    if settings.training.precision == "mixed":  # MLflow is loaded only where it may matter
        from pipelines.tracking.earlier import as_begun

        settings = as_begun(settings)
    return settings


def require_runs(experiment: "Experiment", file: Path) -> None:
    """Refuse to read a store that is not there: MLflow would make an empty one."""
    if experiment.tracking.uri is None and not (experiment.storage / "mlflow.db").exists():
        raise UserError(f"{experiment.storage} holds no runs yet; run `faceseg study {file}` first")


def console() -> "Console":
    """Return where the verbs print."""
    from rich.console import Console

    return Console()


class JobFollowed(SystemExit):
    """The end of following a job: what there is to say has been said."""


INTERRUPTED_EXIT_CODE = 130  # what Typer makes of Ctrl-C
