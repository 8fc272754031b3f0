"""The verbs that help to write an experiment: convert, init, schema."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from faceseg.data.formats.names import FORMAT_NAMES
from pipelines.cli import arguments

app = typer.Typer()
FORMATS = ", ".join(FORMAT_NAMES)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="The folder or file of the annotations.")],
    *,
    form: Annotated[str, typer.Option("--from", metavar="FORMAT", help=f"The format: {FORMATS}.")],
    folder: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to write.")],
    classes: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.yaml",
            help="The classes of the labels: lapa, celebamask19, easyportrait, facesynthetics, or "
            "a file with a class set and with what the classes of the format become.",
        ),
    ] = "lapa",
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN,VAL,TEST",
            help="Per cent of each split, if the format has no splits. Default: 80,10,10.",
        ),
    ] = None,
    on_bad: Annotated[
        Literal["stop", "skip"],
        typer.Option(help="Stop at bad pairs with a list of them, or skip them."),
    ] = "stop",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier conversion.")
    ] = False,
) -> None:
    """Write labelled images of another format as a folder in LaPa's layout.

    Images are copied as they are, and every pair is checked as by `faceseg prepare`. The folder
    appears when it is complete; after an interruption, the same command starts over.
    """
    from pipelines.data.convert import convert_annotations

    convert_annotations(
        source,
        form,
        folder,
        arguments.console(),
        classes=classes,
        shares=shares,
        on_bad=on_bad,
        overwrite=overwrite,
    )


@app.command()
def init(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Photographs in LaPa's layout. Default: drawn faces."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The experiment's name. Default: the folder's.")
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Name of the folder of labels in each split.")
    ] = "labels",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|NAME,NAME,...|FILE.yaml",
            help="A built-in class set (lapa, celebamask19, ...), the names of the classes in the "
            "order of their ids, or the file that `convert` read. Default: LaPa's, if they fit.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=32, help="Side of the network's input: a multiple of 32.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=2, help="Epochs of a final.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each architecture.")] = 4,
    encoder_weights: Annotated[
        str, typer.Option(metavar="imagenet|none|FILE", help="Weights of the encoder.")
    ] = "imagenet",
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", help="Default: use a GPU if there is one.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write an experiment for a folder of photographs, with sizes and lengths that suit it.

    The images and labels are checked as by `faceseg prepare`. In a terminal, a call without a
    folder and a name prompts for them.
    """
    if folder is None and name is None and sys.stdin.isatty():
        answer = typer.prompt("folder of photographs (empty: drawn faces)", "", show_default=False)
        folder = Path(answer) if answer else None
        name = typer.prompt("name of the experiment (empty: the folder's)", "", show_default=False)
    from pipelines.new_experiment import creation

    answers = creation.Answers(
        folder=folder,
        name=name or None,
        labels=labels,
        classes=classes or None,
        size=size,
        epochs=epochs,
        trials=trials,
        encoder_weights=encoder_weights,
        gpu=gpu,
    )
    creation.create_experiment(answers, arguments.console(), overwrite=overwrite)


@app.command()
def schema() -> None:
    """Print the JSON Schema of an experiment's file, for editors.

    Store it beside your experiments as experiment.schema.json; add this as their first line:
    # yaml-language-server: $schema=experiment.schema.json
    """
    from pipelines.config.json_schema import schema_text

    typer.echo(schema_text())
