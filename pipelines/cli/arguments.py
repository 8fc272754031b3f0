"""Arguments that several verbs share, and the checks of an experiment that they have in common."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceseg.errors import UserError
from pipelines.cli.printed_commands import printed_command

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.config import Experiment


def complete_experiment(incomplete: str) -> list[str]:
    """Return what a shell offers for EXPERIMENT: names, YAML files and folders."""
    from pipelines.config.included import included_names, studied_names

    folder, _, begun = incomplete.rpartition("/")
    found = Path(folder or ("/" if incomplete.startswith("/") else ".")).glob(f"{begun}*")
    shown = [each for each in found if each.suffix == ".yaml" or each.is_dir()]
    known = dict.fromkeys([*included_names(), *studied_names()])
    names = [name for name in known if name.startswith(incomplete)]
    return [*names, *sorted(f"{each}/" if each.is_dir() else str(each) for each in shown)]


ExperimentFile = Annotated[
    Path,
    typer.Argument(
        metavar="EXPERIMENT",
        help="An experiment's YAML file, or a name: of an included experiment (quickstart), or of "
        "an experiment or study with results in `results`.",
        autocompletion=complete_experiment,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one value: search.trials=50; or all values of a file: @FILE.",
    ),
]
LOOPBACK = "127.0.0.1"
INTERRUPTED_EXIT_CODE = 130  # Typer's exit code after Ctrl-C


def finite(value: float) -> float:
    """Return an option's value; `nan` passes Typer's comparison with `min` and `max`."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


class JobFollowed(SystemExit):
    """Exit with the code of the job that was followed; all messages are printed already."""


def load_experiment(path: Path, override: list[str] | None) -> "Experiment":
    """Read an experiment with the values of `--set`.

    Args:
        path: The experiment's file, or a name as for `find_experiment`.
        override: The values of `--set`, in their order.

    Returns:
        The checked experiment.

    Raises:
        UserError: The experiment does not exist or is not valid.
    """
    from pipelines import config

    return config.load(path, tuple(override or ()))


def load_study(path: Path, override: list[str] | None) -> "Experiment":
    """Read an experiment as `load_experiment` does, for a verb that needs its study's name."""
    from pipelines.studies.experiment import open_study_experiment

    return open_study_experiment(path, tuple(override or ()))


def require_runs(experiment: "Experiment", file: Path, override: list[str] | None) -> None:
    """Raise UserError if the experiment's MLflow database does not exist.

    MLflow would create an empty one. The message contains the study's command, for which the
    experiment's `file` and the values of `--set` are given.
    """
    if experiment.tracking.uri is None and not (experiment.storage / "mlflow.db").exists():
        raise UserError(
            f"{experiment.storage} contains no runs yet; run "
            f"`{printed_command('study', file, override)}` first"
        )


def console() -> "Console":
    """Return the console on which the verbs print; brackets in names are no markup to it."""
    from rich.console import Console

    return Console(markup=False)
