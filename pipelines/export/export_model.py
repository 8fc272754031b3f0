"""`faceseg export`: convert a network for other runtimes, and compare each file with Keras."""

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

import faceseg.backends.device  # noqa: F401  # before Keras: suppresses TensorFlow's banner
from faceseg.backends import preferred
from faceseg.errors import UserError
from faceseg.inference.ensemble import is_mean
from faceseg.inference.predictor import Predictor
from pipelines.config.file_errors import reason_and_advice
from pipelines.export.sample_images import SampleImages, draw_sample_images, read_sample_images
from pipelines.export.verification import ExportResult, export_and_verify
from pipelines.models import formats
from pipelines.models.exported_models import MANIFEST_FILE
from pipelines.models.formats import FLOAT32, FORMATS, INT8
from pipelines.models.loading import open_model

COLUMNS = ("file", "MB", "pixels", "IoU", "largest difference", "ms", "Keras ms", "")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The options of `faceseg export`.

    Attributes:
        out: The output folder.
        precisions: The precisions to export.
        images: A folder of photographs on which to compare; None for drawn faces.
        overwrite: Whether existing exports may be overwritten.
        tracking: The MLflow tracking URI, for models that are stored in MLflow.
    """

    out: Path
    precisions: tuple[str, ...] = (FLOAT32,)
    images: Path | None = None
    overwrite: bool = False
    tracking: str | None = None


def export_model(model: str, format_name: str, options: ExportOptions, console: Console) -> None:
    """Write `<out>/<format>-<precision>/` for each precision: the file and `model.json`.

    Args:
        model: A registry address, a run or a `.keras` file.
        format_name: A key of `FORMATS`.
        options: The options of the command line.
        console: Receives progress, warnings and the table of results.

    Raises:
        UserError: A file does not agree with Keras. That file is removed; the others are kept.
    """
    targets = formats.export_targets(format_name, options.precisions)
    for target in targets:
        _check_free(options.out / target.name, overwrite=options.overwrite)
    predictor = _open(model, options.tracking)
    origin = {**predictor.origin, "model": model, **network_facts(predictor.network)}
    samples = _samples(predictor, options, console)
    results: list[ExportResult] = []
    with _output_folder(options.out, results):
        for target in targets:
            console.print(f"exporting {target.name} and running it", highlight=False)
            with TemporaryDirectory(prefix=".unfinished-", dir=options.out) as temporary:
                folder = Path(temporary) / target.name
                folder.mkdir()
                result = export_and_verify(predictor, samples, target, folder, origin)
                if not result.refused:
                    _move_into_place(folder, options.out / target.name)
                results.append(result)
    _print_results(results, samples, options, console)


def network_facts(network: Any) -> dict[str, str]:
    """Return the name of a network and the SHA-256 of its weights, in layer order."""
    weights = hashlib.sha256()
    for array in network.get_weights():
        weights.update(array.tobytes())
    return {"network": network.name, "weights_sha256": weights.hexdigest()}


def _open(model: str, tracking: str | None) -> Predictor:
    """Return a predictor of the network to export, which computes in float32."""
    if preferred() != "tensorflow":
        raise UserError(
            f"Keras runs on {preferred()} here, but the converters need TensorFlow: set "
            "KERAS_BACKEND=tensorflow, and install TensorFlow if it is missing"
        )
    predictor = open_model(model, tracking)
    if is_mean(predictor):
        raise UserError(
            f"{model} is a mean of predictions, and an exported file contains one network: export "
            "the runs of its members, which are its parameters `members` in MLflow"
        )
    import keras

    if not isinstance(predictor.network, keras.Model):
        raise UserError(f"{model} is exported already; give the .keras file that it was made from")
    from pipelines.export.converters import in_float32

    return Predictor(in_float32(predictor.network), predictor.classes, predictor.origin)


def _samples(predictor: Predictor, options: ExportOptions, console: Console) -> SampleImages:
    if options.images is not None:
        return read_sample_images(options.images, predictor.grid, console)
    if INT8 not in options.precisions:
        return draw_sample_images(predictor.grid, calibrating=0)
    console.print(
        "8-bit scales are calibrated on drawn faces; for your own photographs give --images FOLDER",
        style="yellow",
    )
    return draw_sample_images(predictor.grid)


def _check_free(folder: Path, *, overwrite: bool) -> None:
    """Raise UserError if `folder` exists and must not be overwritten."""
    if not folder.exists():
        return
    if not overwrite:
        raise UserError(
            f"{folder} would be overwritten; give another folder with --out, or --overwrite"
        )
    if not (folder / MANIFEST_FILE).is_file():
        raise UserError(
            f"{folder} was not written by `faceseg export`, so --overwrite refuses to delete it"
        )


@contextmanager
def _output_folder(out: Path, results: Sequence[ExportResult]) -> Iterator[None]:
    """Create the folder; remove it afterwards if it is empty.

    An error of the file system names the folder and the files that are kept, unless it is about
    another file, such as a temporary one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.filename is None:
            place = f"{out}, or the folder of temporary files (TMPDIR),"
        elif Path(error.filename).is_relative_to(out):
            place = str(out)
        else:
            raise
        kept = ", ".join(each.target.name for each in results if not each.refused)
        raise UserError(
            f"{place} cannot be written: {reason_and_advice(error)}, or give another --out"
            + (f". These are finished and kept: {kept}" if kept else "")
        ) from error
    finally:
        with suppress(OSError):  # it is not empty, or was never created
            out.rmdir()


def _move_into_place(folder: Path, target: Path) -> None:
    """Move a finished folder to `target`; an existing one is deleted with the temporary folder."""
    replaced = folder.parent / "replaced"
    if target.exists():
        target.rename(replaced)
    try:
        folder.rename(target)
    except OSError:
        if replaced.exists():
            replaced.rename(target)
        raise


def _print_results(
    results: Sequence[ExportResult],
    samples: SampleImages,
    options: ExportOptions,
    console: Console,
) -> None:
    table = Table(*COLUMNS, box=SIMPLE_HEAD)
    for each in results:
        agreement = each.agreement
        table.add_row(
            each.target.name,
            f"{each.bytes / 1e6:.1f}",
            f"{agreement.pixels:.3%}",
            f"{agreement.iou:.4f}",
            f"{agreement.largest:.2g}",
            f"{each.milliseconds:.1f}",
            f"{each.keras_milliseconds:.1f}",
            "refused" if each.refused else "kept",
        )
    console.print(table)
    runtime = FORMATS[results[0].target.format].runtime
    console.print(
        f"{runtime} compared with Keras on {len(samples.test)} images ({samples.source}), one per "
        "call",
        highlight=False,
    )
    refused = [each for each in results if each.refused]
    if len(refused) < len(results):
        console.print(f"the files are in {options.out}", highlight=False)
    if refused:
        raise UserError(
            "; ".join(
                f"{each.target.name} does not agree with Keras: {_join_refusals(each)}"
                for each in refused
            )
            + ". It was removed; try another precision, or give --images FOLDER with photographs "
            "like those that the model will label"
        )


def _join_refusals(result: ExportResult) -> str:
    return ", and ".join(result.refused)
