"""The verbs that concern a storage: status, clean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceseg.errors import UserError
from pipelines.cli import arguments
from pipelines.cli.arguments import Overrides, complete_experiment

if TYPE_CHECKING:
    from pipelines.config import Experiment

app = typer.Typer()

OptionalExperiment = Annotated[
    Path | None,
    typer.Argument(
        metavar="[EXPERIMENT]",
        help="An experiment, whose storage and databases are used. Default: --storage.",
        autocompletion=complete_experiment,
    ),
]
StorageOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The storage, without an experiment. Default: results."),
]


@app.command()
def status(
    experiment: OptionalExperiment = None,
    storage: StorageOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    override: Overrides = None,
) -> None:
    """Print what is done, what runs and what waits: of one study, or of all in a storage."""
    settings = _open(experiment, storage, override)
    from pipelines.storage import status_report, study_state

    states = study_state.read_states(settings, settings.study if experiment else None)
    if json:
        typer.echo(status_report.as_json(states))
    elif states:
        status_report.print_states(states, arguments.console())
    else:
        subject = f"study {settings.study}" if experiment else "a study"
        typer.echo(f"{settings.storage} does not contain {subject} yet")


@app.command()
def clean(
    experiment: OptionalExperiment = None,
    storage: StorageOption = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is listed.")] = False,
    override: Overrides = None,
) -> None:
    """List the files of a storage that nothing needs any more; --delete deletes them.

    Files of a study that runs are never touched.

    Images are kept for a day after they were packed: a study that uses them may begin later.
    """
    settings = _open(experiment, storage, override)
    from pipelines.storage import cleaning

    cleaning.clean(settings, arguments.console(), delete=delete)


def _open(path: Path | None, storage: Path | None, override: list[str] | None) -> "Experiment":
    """Return the experiment, or one with default settings in the given storage."""
    if path is not None:
        if storage is not None:
            raise UserError(
                "--storage is for a call without an experiment; with one, use "
                f"--set storage={storage}"
            )
        return arguments.load_study(path, override)
    if override:
        raise UserError("--set changes an experiment, and none is given; give one, or --storage")
    from pydantic import ValidationError

    from pipelines.config import Experiment

    try:
        return Experiment(name="any", **({"storage": storage} if storage else {}))
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"--storage: {problem}") from error
