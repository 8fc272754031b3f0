"""Export one file, run it in its own runtime and compare it with Keras.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError, first_line
from faceseg.inference.predictor import Predictor
from faceseg.metrics.confusion_matrix import (
    MIN_PRESENT_PIXELS,
    class_iou,
    confusion,
    mean_of_defined,
)
from pipelines.export.converters import litert_file, write_onnx, write_saved_model
from pipelines.export.sample_images import Batch, SampleImages
from pipelines.models.exported_models import (
    LABELLING,
    RESIZING,
    ExportManifest,
    checksum,
    open_network,
    size_in_bytes,
)
from pipelines.models.formats import AGREEMENT_BOUNDS, FORMATS, INT8, AgreementBound, ExportTarget
from pipelines.models.runtimes import ExportedNetwork, thread_count

Logits = NDArray[np.float32]

WARM_UP, RUNS = 5, 30  # calls: untimed, timed


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far the logits of an exported file agree with those of Keras.

    Attributes:
        pixels: Share of pixels with the same label.
        iou: IoU of the two label maps, counted over all images; the mean over the classes to
            which Keras gives at least 16 pixels.
        error: Root mean square of the differences of the logits, in standard deviations of
            Keras's logits. It detects a wrong file even if both label everything background.
        largest: The largest absolute difference of two logits.
    """

    pixels: float
    iou: float
    error: float
    largest: float

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


def measure_agreement(expected: Logits, found: Logits) -> Agreement:
    """Compare logits (N, h, w, C) with those of Keras.

    Args:
        expected: The logits of Keras.
        found: The logits of the exported file.

    Returns:
        The agreement; `error` and `largest` are infinite if a logit of `found` is not finite.

    Raises:
        ValueError: The shapes differ.
    """
    if expected.shape != found.shape:
        raise ValueError(f"logits of shape {found.shape}; Keras gives {expected.shape}")
    true, labels = expected.argmax(axis=-1), found.argmax(axis=-1)
    counts = confusion(true, labels, expected.shape[-1])
    ious = np.where(counts.sum(axis=1) >= MIN_PRESENT_PIXELS, class_iou(counts), np.nan)
    difference = found.astype(np.float64) - expected
    difference[~np.isfinite(difference)] = np.inf
    spread = max(float(expected.std()), float(np.finfo(np.float32).tiny))
    return Agreement(
        pixels=float(np.mean(true == labels)),
        iou=float(mean_of_defined(ious)),
        error=float(np.sqrt(np.mean(difference**2))) / spread,
        largest=float(np.abs(difference).max()),
    )


def disagreements(agreement: Agreement, bound: AgreementBound) -> list[str]:
    """Return the reasons why a file must not be kept; empty if it may be."""
    found = []
    if not agreement.pixels >= bound.pixels:
        found.append(
            f"{agreement.pixels:.2%} of the pixels have Keras's label; "
            f"expected at least {bound.pixels:.2%}"
        )
    if not agreement.iou >= bound.iou:
        found.append(
            f"the IoU with Keras's label maps is {agreement.iou:.3f}; "
            f"expected at least {bound.iou:.3f}"
        )
    if not agreement.error <= bound.error:
        found.append(
            f"the logits differ by {agreement.error:.2g} standard deviations; "
            f"expected at most {bound.error:.2g}"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """An exported file that was run and compared with Keras.

    Attributes:
        target: Its format and precision.
        bytes: Its size.
        agreement: Its agreement with Keras.
        milliseconds: Its median latency for one image.
        keras_milliseconds: The median latency of Keras for one image.
        refused: The reasons why it is not kept; empty if it is.
    """

    target: ExportTarget
    bytes: int
    agreement: Agreement
    milliseconds: float
    keras_milliseconds: float
    refused: tuple[str, ...]


def export_and_verify(
    predictor: Predictor,
    samples: SampleImages,
    target: ExportTarget,
    folder: Path,
    origin: dict[str, Any],
) -> ExportResult:
    """Write an exported file and, if it agrees with Keras, its manifest.

    Args:
        predictor: The network in Keras, computing in float32.
        samples: The images on which to compare, and those for calibration.
        target: The format and precision.
        folder: An empty folder, which receives the files.
        origin: The manifest's facts about the source of the network.

    Returns:
        The comparison with Keras.

    Raises:
        UserError: The file's runtime cannot run it.
    """
    file = folder / FORMATS[target.format].file
    convert(predictor, samples.calibration, target, file)
    network, found = _run_file(target, file, samples.test)
    expected = np.asarray(predictor.network.predict_on_batch(samples.test), np.float32)
    agreement = measure_agreement(expected, found)
    keras_time, own_time = time_in_turns(predictor.network, network, samples.test[:1])
    result = ExportResult(
        target=target,
        bytes=size_in_bytes(file),
        agreement=agreement,
        milliseconds=own_time,
        keras_milliseconds=keras_time,
        refused=tuple(disagreements(agreement, AGREEMENT_BOUNDS[target.precision])),
    )
    if not result.refused:
        ExportManifest(
            format=target.format,
            precision=target.precision,
            file=file.name,
            sha256=checksum(file),
            bytes=result.bytes,
            grid=predictor.grid,
            images=network.input_shape[0],
            classes=predictor.classes,
            origin=origin,
            agreement=_agreement_facts(result, samples),
        ).write(folder)
    return result


def convert(predictor: Predictor, calibration: Batch, target: ExportTarget, file: Path) -> None:
    """Write the network of a predictor to a file of the given format and precision."""
    if target.format == "onnx":
        facts = {
            "classes": list(predictor.classes.names),
            "palette": [list(colour) for colour in predictor.classes.palette],
            "grid": list(predictor.grid),
            "colour": "RGB",
            "resizing": RESIZING,
            "labelling": LABELLING,
        }
        write_onnx(predictor.network, file, target.precision, calibration, facts)
    elif target.format == "litert":
        file.write_bytes(litert_file(predictor.network, target.precision, calibration))
    else:
        write_saved_model(predictor.network, file)


def time_in_turns(one: Any, other: Any, images: Batch) -> tuple[float, float]:
    """Return the median milliseconds of two networks, called alternately on the same images.

    Calls alternate so that a machine that slows down slows both. The first calls of each,
    which trace and allocate, are not timed.
    """
    times: list[tuple[float, float]] = []
    for run in range(WARM_UP + RUNS):
        pair = (
            _milliseconds(one.predict_on_batch, images),
            _milliseconds(other.predict_on_batch, images),
        )
        if run >= WARM_UP:
            times.append(pair)
    first, second = np.median(times, axis=0)
    return float(first), float(second)


def _milliseconds(call: Callable[[Batch], Any], images: Batch) -> float:
    started = time.perf_counter()
    call(images)
    return 1000 * (time.perf_counter() - started)


def _agreement_facts(result: ExportResult, samples: SampleImages) -> dict[str, float | int | str]:
    return {
        **result.agreement.as_dict(),
        "test_images": len(samples.test),
        "calibration_images": len(samples.calibration) if result.target.precision == INT8 else 0,
        "images_from": samples.source,
        "p50_ms": result.milliseconds,
        "keras_p50_ms": result.keras_milliseconds,
        "threads": thread_count(),
    }


def _run_file(
    target: ExportTarget, file: Path, images: NDArray[np.uint8]
) -> tuple[ExportedNetwork, Logits]:
    """Open an exported file; return the network and its logits of images (N, h, w, 3)."""
    try:
        network = open_network(target.format, file)
        return network, network.predict_on_batch(images)
    except UserError:
        raise
    except Exception as error:  # the runtimes raise many kinds
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"{target.name} was converted, but {FORMATS[target.format].runtime} cannot run it: "
            f"{reason}. It was removed; export another precision or format of this network"
        ) from error
