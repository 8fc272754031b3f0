"""The verbs of the registry: promote, rollback, models."""

from functools import partial
from typing import Annotated

import typer

from pipelines.cli import arguments
from pipelines.cli.arguments import ExperimentFile, Overrides

app = typer.Typer()

AliasOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME@ALIAS",
        help="Registered model and alias. Default: the experiment's model, @champion.",
    ),
]


@app.command()
def promote(
    experiment: ExperimentFile,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the decision; change nothing.")
    ] = False,
    to: AliasOption = None,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Copy the version to this MLflow server, which has the champion."
        ),
    ] = None,
    challenger: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare this network, which `faceseg judge` tested, with the champion in place "
            "of the study's best final; move no alias.",
        ),
    ] = None,
    override: Overrides = None,
) -> None:
    """Compare a study's best final with the champion; promote it if it passes the gate.

    Exit code 1: the gate refused it.
    """
    settings = arguments.load_study(experiment, override)
    arguments.require_runs(settings, experiment, override)
    from pipelines.promote import challenge, promotion

    console = arguments.console()
    decide = partial(challenge.challenge, name=challenger) if challenger else promotion.promote
    if not decide(settings, console, to=to, registry_uri=registry, dry_run=dry_run):
        raise typer.Exit(1)


@app.command()
def rollback(
    experiment: ExperimentFile, of: AliasOption = None, override: Overrides = None
) -> None:
    """Swap the champion with the previous version."""
    settings = arguments.load_study(experiment, override)
    arguments.require_runs(settings, experiment, override)
    from pipelines.promote import rollback as rollbacks

    rollbacks.rollback(settings, arguments.console(), of=of)


@app.command()
def models(experiment: ExperimentFile, of: AliasOption = None, override: Overrides = None) -> None:
    """List the versions of the registered model with their scores, aliases and studies."""
    settings = arguments.load_study(experiment, override)
    arguments.require_runs(settings, experiment, override)
    from pipelines.registry import listing

    listing.print_model_versions(settings, arguments.console(), of=of)
