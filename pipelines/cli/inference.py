"""The verbs that use a trained network: predict, serve, demo, export."""

from pathlib import Path
from typing import Annotated

import typer

from faceseg.errors import UserError
from pipelines.cli import arguments
from pipelines.cli.arguments import LOOPBACK, finite

app = typer.Typer()

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="models:/faceseg@champion, a run's id, a .keras file, or an exported file.",
    ),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of MLflow. Default: MLFLOW_TRACKING_URI, or else results/mlflow.db.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output of an earlier call.")
]
HostOption = Annotated[
    str,
    typer.Option(
        help="Address to listen on. Listening on a non-loopback address requires FACESEG_TOKEN."
    ),
]

FlipOption = Annotated[
    bool, typer.Option("--flip", help="Average with the mirrored image: slower, more accurate.")
]
CleanOption = Annotated[bool, typer.Option("--clean", help="Remove small islands of a class.")]
FacesOption = Annotated[
    bool,
    typer.Option(
        "--faces", help="Find the faces, of any size and rotation, and label each as its own crop."
    ),
]
DetectorOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="ONNX file of YuNet, for --faces. Default: BlazeFace, included."
    ),
]
VideoOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|NUMBER", help="Label the frames of a video file, or of a camera by number."
    ),
]
SteadyOption = Annotated[
    bool,
    typer.Option(
        "--steady/--no-steady",
        help="Average a video's frames along the motion, so that its labels flicker less.",
    ),
]
FramesOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N frames.")]


@app.command()
def predict(
    *,
    model: ModelArgument,
    images: Annotated[
        list[str] | None,
        typer.Argument(help="Image files, folders of them, or quoted glob patterns."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Output folder for masks, overlays and class shares.")
    ] = Path("predictions"),
    flip: FlipOption = False,
    clean: CleanOption = False,
    faces: FacesOption = False,
    detector: DetectorOption = None,
    video: VideoOption = None,
    frames: FramesOption = None,
    steady: SteadyOption = True,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Images in one batch.")] = 8,
    overwrite: OverwriteOption = False,
    gpu: Annotated[bool, typer.Option("--gpu", help="Use a GPU.")] = False,
    tracking: TrackingOption = None,
) -> None:
    """Label photographs or a video: label maps, overlays, and class shares as JSON.

    Exit code 1: some images could not be read (they are listed); 2: none could be read, or
    another error.
    """
    from pipelines.predict import photographs

    options = photographs.PredictOptions(
        out=out,
        flip=flip,
        clean=clean,
        faces=faces,
        detector=detector,
        steady=steady,
        batch=batch,
        overwrite=overwrite,
        gpu=gpu,
        tracking=tracking,
    )
    if video is not None:
        if images:
            raise UserError(
                "--video cannot be combined with images; label the images in another call"
            )
        from pipelines.predict.video import label_video

        label_video(model, video, options, arguments.console(), frames=frames)
    elif not photographs.label_photographs(model, images or [], options, arguments.console()):
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    model: ModelArgument,
    host: HostOption = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    replicas: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of replicas, or the minimum.")
    ] = 1,
    max_replicas: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="Scale up to this many replicas under load.", metavar="N"
        ),
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, max=4096, help="CPU threads of each replica.")] = 1,
    gpus: Annotated[
        float,
        typer.Option(
            min=0, max=1000, callback=finite, help="GPUs of each replica; 0.5 is half of one."
        ),
    ] = 0,
    max_megabytes: Annotated[
        float,
        typer.Option(
            min=0.001, max=10_000, callback=finite, help="Maximum size of a request's body."
        ),
    ] = 20,
    max_megapixels: Annotated[
        float,
        typer.Option(min=0.001, max=80, callback=finite, help="Maximum size of a photograph."),
    ] = 50,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, max=86_400, callback=finite, help="Maximum duration of a request in seconds."
        ),
    ] = 30,
    tracking: TrackingOption = None,
) -> None:
    """Serve a model over HTTP: a photograph in, its label map out.

    With a registry alias, the server switches to the new version when the alias moves.
    """
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
            help="One or several models, shown side by side. Default: models:/faceseg@champion.",
        ),
    ] = None,
    host: HostOption = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free port.")] = 7860,
    faces: FacesOption = False,
    tracking: TrackingOption = None,
) -> None:
    """Serve a web page on which to try models on a photograph or the camera, with occluders."""
    from pipelines.demo import server

    server.serve_demo(
        models or [], arguments.console(), host=host, port=port, tracking=tracking, faces=faces
    )


@app.command()
def export(
    *,
    model: ModelArgument,
    format_name: Annotated[str, typer.Option("--format", help="onnx, litert or saved-model.")],
    precision: Annotated[
        list[str] | None,
        typer.Option(help="float32 (the default), float16 or int8; repeatable."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of photographs for the comparison. Default: drawn faces."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("exported"),
    overwrite: OverwriteOption = False,
    tracking: TrackingOption = None,
) -> None:
    """Convert a network for another runtime, run it there, and compare its output with Keras."""
    from pipelines.export import export_model

    options = export_model.ExportOptions(
        out=out,
        precisions=tuple(precision or ["float32"]),
        images=images,
        overwrite=overwrite,
        tracking=tracking,
    )
    export_model.export_model(model, format_name, options, arguments.console())
