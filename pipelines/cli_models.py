"""The verbs that use what studies have made: promote, rollback, models, predict."""

from pathlib import Path
from typing import Annotated

import typer

from faceseg.errors import UserError
from pipelines import arguments
from pipelines.arguments import ExperimentFile, Overrides

app = typer.Typer()

Target = Annotated[
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
    to: Target = None,
    registry: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Another MLflow server, to which the version is brought."),
    ] = None,
    override: Overrides = None,
) -> None:
    """Put a study's best final up against the champion; it takes its place if the gate lets it.

    Exit code 1: it was refused.
    """
    settings = arguments.load(experiment, override)
    arguments.check_runs(settings, experiment)
    from pipelines.promote import stage

    console = arguments.console()
    if not stage.promote(settings, console, to=to, registry_uri=registry, dry_run=dry_run):
        raise typer.Exit(1)


@app.command()
def rollback(experiment: ExperimentFile, of: Target = None, override: Overrides = None) -> None:
    """Exchange the champion and the version before it."""
    settings = arguments.load(experiment, override)
    arguments.check_runs(settings, experiment)
    from pipelines.promote import stage

    stage.rollback(settings, arguments.console(), of=of)


@app.command()
def models(experiment: ExperimentFile, of: Target = None, override: Overrides = None) -> None:
    """List the versions of the registered model: scores, aliases, where they come from."""
    settings = arguments.load(experiment, override)
    arguments.check_runs(settings, experiment)
    from pipelines.promote import models as stage

    stage.show(settings, arguments.console(), of=of)


@app.command()
def predict(
    *,
    model: Annotated[
        str,
        typer.Argument(help="models:/faceseg@champion, a run's id, or the path of a .keras file."),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(help="JPEG and PNG files, folders of them, or patterns in quotes."),
    ] = None,
    out: Annotated[Path, typer.Option(help="A folder for masks, overlays and shares.")] = Path(
        "predictions"
    ),
    flip: Annotated[
        bool, typer.Option("--flip", help="Average with the mirrored image: slower, steadier.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove crumbs: small islands of a class.")
    ] = False,
    video: Annotated[
        str | None,
        typer.Option(metavar="FILE|NUMBER", help="A video, or a camera by number, frame by frame."),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images that go through at once.")] = 8,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an earlier call wrote.")
    ] = False,
    gpu: Annotated[bool, typer.Option("--gpu", help="Use a graphics card.")] = False,
    tracking: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where MLflow is; or MLFLOW_TRACKING_URI."),
    ] = None,
) -> None:
    """Label photographs: palette PNGs, overlays, and the share of each class as JSON.

    Exit code 1: some images could not be read, and are named; 2: none could, or a mistake.
    """
    from pipelines.predict import stage

    options = stage.Options(
        out, flip=flip, clean=clean, batch=batch, overwrite=overwrite, gpu=gpu, tracking=tracking
    )
    if video is not None:
        if images:
            raise UserError("--video takes no images beside it; label them by a call of their own")
        from pipelines.predict import video as filming

        filming.run(model, video, options, arguments.console(), frames=frames)
    elif not stage.run(model, images or [], options, arguments.console()):
        raise typer.Exit(1)
