"""The verbs that use a trained network: predict, serve, demo, export."""

from pathlib import Path
from typing import Annotated

import typer

from faceseg.errors import UserError
from pipelines.cli import arguments

app = typer.Typer()

LOOPBACK = "127.0.0.1"

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="models:/faceseg@champion, a run's id, a .keras file, or what export has made.",
    ),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where MLflow is; or MLFLOW_TRACKING_URI."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier call wrote.")
]
HostOption = Annotated[
    str, typer.Option(help="Another than this machine's own asks for FACESEG_TOKEN to be set.")
]


@app.command()
def predict(
    *,
    model: ModelArgument,
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
    overwrite: OverwriteOption = False,
    gpu: Annotated[bool, typer.Option("--gpu", help="Use a graphics card.")] = False,
    tracking: TrackingOption = None,
) -> None:
    """Label photographs: palette PNGs, overlays, and the share of each class as JSON.

    Exit code 1: some images could not be read, and are named; 2: none could, or a mistake.
    """
    from pipelines.predict import photographs

    options = photographs.PredictOptions(
        out, flip=flip, clean=clean, batch=batch, overwrite=overwrite, gpu=gpu, tracking=tracking
    )
    if video is not None:
        if images:
            raise UserError("--video takes no images beside it; label them by a call of their own")
        from pipelines.predict import video as filming

        filming.label_video(model, video, options, arguments.console(), frames=frames)
    elif not photographs.label_photographs(model, images or [], options, arguments.console()):
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    model: ModelArgument,
    host: HostOption = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    replicas: Annotated[int, typer.Option(min=1, help="Processes, or the fewest of them.")] = 1,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="As many as the load takes, up to so many.")
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, help="Threads of each replica's network.")] = 1,
    gpus: Annotated[
        float, typer.Option(min=0, help="Graphics cards of each replica; 0.5 is half a card.")
    ] = 0,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Of a request's body.")] = 20,
    max_megapixels: Annotated[float, typer.Option(min=0.001, max=80, help="Of a photograph.")] = 50,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a request may take.")] = 30,
    tracking: TrackingOption = None,
) -> None:
    """Answer photographs over HTTP with label maps; follow the champion as it changes."""
    from pipelines.serve import server
    from pipelines.serve.settings import ServeSettings

    settings = ServeSettings(
        model=model,
        tracking=tracking,
        replicas=replicas,
        max_replicas=max_replicas,
        cpus=cpus,
        gpus=gpus,
        max_bytes=round(max_megabytes * 1e6),
        max_pixels=round(max_megapixels * 1e6),
        timeout=timeout,
    )
    server.serve_model(settings, arguments.console(), host=host, port=port)


@app.command()
def demo(
    *,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="One or several, side by side: as for predict; models:/faceseg@champion if none.",
        ),
    ] = None,
    host: HostOption = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 7860,
    tracking: TrackingOption = None,
) -> None:
    """Open a page on which to try models: a photograph or the camera, and occluders over it."""
    from pipelines.demo import server

    server.serve_demo(models or [], arguments.console(), host=host, port=port, tracking=tracking)


@app.command()
def export(
    *,
    model: ModelArgument,
    format_name: Annotated[str, typer.Option("--format", help="onnx, litert or saved-model.")],
    precision: Annotated[
        list[str] | None,
        typer.Option(help="float32 (the default), float16 or int8; may be given several times."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="A folder of photographs to compare on; drawn faces without one."),
    ] = None,
    out: Annotated[Path, typer.Option(help="A folder for what is exported.")] = Path("exported"),
    overwrite: OverwriteOption = False,
    tracking: TrackingOption = None,
) -> None:
    """Write a network as a file for another runtime, run it there, and compare it with Keras."""
    from pipelines.export import export_model

    options = export_model.ExportOptions(
        out,
        tuple(precision or ["float32"]),
        images=images,
        overwrite=overwrite,
        tracking=tracking,
    )
    export_model.export_model(model, format_name, options, arguments.console())
