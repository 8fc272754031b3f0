"""The verbs of the registry: promote, rollback, models."""

from typing import Annotated

import typer

from pipelines.cli import arguments
from pipelines.cli.arguments import ExperimentFile, Overrides

app = typer.Typer()

AliasOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME@ALIAS",
        help="Another registered model or alias; the experiment's own, @champion, by default.",
    ),
]


@app.command()
def promote(
    experiment: ExperimentFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell the decision, change nothing.")
    ] = False,
    to: AliasOption = None,
    registry: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Another MLflow server, to which the version is brought."),
    ] = None,
    override: Overrides = None,
) -> None:
    """Put a study's best final up against the champion; it takes its place if the gate lets it.

    Exit code 1: it was refused.
    """
    settings = arguments.load_experiment(experiment, override)
    arguments.require_runs(settings, experiment)
    from pipelines.promote import promotion

    console = arguments.console()
    if not promotion.promote(settings, console, to=to, registry_uri=registry, dry_run=dry_run):
        raise typer.Exit(1)


@app.command()
def rollback(
    experiment: ExperimentFile, of: AliasOption = None, override: Overrides = None
) -> None:
    """Exchange the champion and the version before it."""
    settings = arguments.load_experiment(experiment, override)
    arguments.require_runs(settings, experiment)
    from pipelines.promote import promotion

    promotion.rollback(settings, arguments.console(), of=of)


@app.command()
def models(experiment: ExperimentFile, of: AliasOption = None, override: Overrides = None) -> None:
    """List the versions of the registered model: scores, aliases, where they come from."""
    settings = arguments.load_experiment(experiment, override)
    arguments.require_runs(settings, experiment)
    from pipelines.registry import listing as stage

    stage.print_model_versions(settings, arguments.console(), of=of)
