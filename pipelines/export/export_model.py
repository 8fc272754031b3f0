"""`faceseg export`: a network as files for other runtimes, each run and compared with Keras."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import faceseg.backends.device  # noqa: F401  # before Keras: it keeps TensorFlow's banner off the terminal
from faceseg.backends import preferred
from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from pipelines.export.sample_images import SampleImages, draw_sample_images, read_sample_images
from pipelines.export.verification import ExportResult, export_and_verify
from pipelines.models import formats
from pipelines.models.exported_models import MANIFEST_FILE
from pipelines.models.formats import FLOAT32, FORMATS, INT8
from pipelines.models.loading import open_model

COLUMNS = ("file", "MB", "pixels", "IoU", "largest difference", "ms", "Keras ms", "")


@dataclass(frozen=True)
class ExportOptions:
    """What to export and where to: the options of the command line.

    images: a folder of photographs to compare on; drawn faces without one.
    """

    out: Path
    precisions: tuple[str, ...] = (FLOAT32,)
    images: Path | None = None
    overwrite: bool = False
    tracking: str | None = None


def export_model(model: str, format_name: str, options: ExportOptions, console: Console) -> None:
    """Write `<out>/<format>-<precision>/` for each precision: the file and `model.json`.

    UserError where a file does not agree with Keras; it is then not kept, the others are.
    """
    kinds = formats.export_targets(format_name, options.precisions)
    for kind in kinds:
        _check_free(options.out / kind.name, overwrite=options.overwrite)
    predictor = _open(model, options.tracking)
    origin = {**predictor.origin, "model": model, **network_facts(predictor.network)}
    samples = _samples(predictor, options, console)
    made = []
    with _output_folder(options.out):
        for kind in kinds:
            console.print(f"making {kind.name} and running it", highlight=False)
            with TemporaryDirectory(prefix=".unfinished-", dir=options.out) as place:
                folder = Path(place) / kind.name
                folder.mkdir()
                made.append(export_and_verify(predictor, samples, kind, folder, origin))
                if not made[-1].refused:
                    _move_into_place(folder, options.out / kind.name)
    _print_results(made, samples, options, console)


def network_facts(network: Any) -> dict[str, str]:
    """Return the name of a network and the SHA-256 of its weights, in their order."""
    weights = hashlib.sha256()
    for array in network.get_weights():
        weights.update(array.tobytes())
    return {"network": network.name, "weights_sha256": weights.hexdigest()}


def _open(model: str, tracking: str | None) -> Predictor:
    """Return the network to export, computing in float32."""
    if preferred() != "tensorflow":
        raise UserError(
            f"Keras runs on {preferred()} here; exporting is done by TensorFlow's converters: set "
            "KERAS_BACKEND=tensorflow, and install TensorFlow if it is not there"
        )
    predictor = open_model(model, tracking)
    import keras

    if not isinstance(predictor.network, keras.Model):
        raise UserError(f"{model} has been exported already; give the .keras file it was made of")
    from pipelines.export.converters import in_float32

    return Predictor(in_float32(predictor.network), predictor.classes, predictor.origin)


def _samples(predictor: Predictor, options: ExportOptions, console: Console) -> SampleImages:
    if options.images is not None:
        return read_sample_images(options.images, predictor.grid, console)
    if INT8 not in options.precisions:
        return draw_sample_images(predictor.grid, calibrating=0)
    console.print(
        "8-bit scales are set on drawn faces; give --images FOLDER with photographs like "
        "those that it will see",
        style="yellow",
    )
    return draw_sample_images(predictor.grid)


def _check_free(folder: Path, *, overwrite: bool) -> None:
    """UserError if something is there that may not be replaced."""
    if not folder.exists():
        return
    if not overwrite:
        raise UserError(
            f"{folder} would be replaced; give another folder with --out, or --overwrite"
        )
    if not (folder / MANIFEST_FILE).is_file():
        raise UserError(f"{folder} is not of `faceseg export`, so --overwrite leaves it alone")


@contextmanager
def _output_folder(out: Path) -> Iterator[None]:
    """Make the folder; remove it afterwards if nothing was kept in it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error}; give another --out") from error
    finally:
        with suppress(OSError):  # it holds something, or was never made
            out.rmdir()


def _move_into_place(folder: Path, target: Path) -> None:
    """Move a finished folder to its place; what was there goes with the unfinished one."""
    if target.exists():
        target.rename(folder.parent / "replaced")
    folder.rename(target)


def _print_results(
    made: Sequence[ExportResult], samples: SampleImages, options: ExportOptions, console: Console
) -> None:
    table = Table(*COLUMNS, box=SIMPLE_HEAD)
    for each in made:
        agreement = each.agreement
        table.add_row(
            each.kind.name,
            f"{each.bytes / 1e6:.1f}",
            f"{agreement.pixels:.3%}",
            f"{agreement.iou:.4f}",
            f"{agreement.largest:.2g}",
            f"{each.milliseconds:.1f}",
            f"{each.keras_milliseconds:.1f}",
            "refused" if each.refused else "kept",
        )
    console.print(table)
    runtime = FORMATS[made[0].kind.format].runtime
    console.print(
        f"{runtime} against Keras on {len(samples.test)} images ({samples.source}), one at a time",
        highlight=False,
    )
    refused = [each for each in made if each.refused]
    if len(refused) < len(made):
        console.print(f"the files are in {options.out}", highlight=False)
    if refused:
        raise UserError(
            "; ".join(
                f"{each.kind.name} does not agree with Keras: {_join_refusals(each)}"
                for each in refused
            )
            + ". It was removed; take another precision, or give --images like those it will see"
        )


def _join_refusals(made: ExportResult) -> str:
    return ", and ".join(made.refused)
