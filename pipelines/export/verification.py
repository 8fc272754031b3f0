"""One file made, run in its own runtime, compared with Keras, and kept only if they agree."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from pipelines.models.runtimes import thread_count

WARM_UP, RUNS = 5, 30


# --- How well two networks agree on the same images, and whether that will do.
#
# Shapes: N images, h rows, w columns of the grid, C classes.

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Agreement:
    """One network's answers against those of Keras.

    pixels: share of pixels with the same label. iou: of the two label maps, counted over all
    images, mean over the classes to which Keras gives at least 16 pixels. error: root mean
    square of the logits' differences, in standard deviations of Keras's logits; it tells a
    wrong file even where both label everything as background. largest: of these differences.
    """

    pixels: float
    iou: float
    error: float
    largest: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def measure_agreement(expected: Logits, found: Logits) -> Agreement:
    """Compare logits (N, h, w, C) with those of Keras.

    Raises ValueError for other shapes. A number that is none makes error and largest infinite.
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
    """Return why a file that agrees so must not be kept; nothing if it may be."""
    found = []
    if not agreement.pixels >= bound.pixels:
        found.append(
            f"{agreement.pixels:.2%} of the pixels have Keras's label, not {bound.pixels:.2%}"
        )
    if not agreement.iou >= bound.iou:
        found.append(f"the IoU with Keras's label maps is {agreement.iou:.3f}, not {bound.iou:.3f}")
    if not agreement.error <= bound.error:
        found.append(
            f"the logits are {agreement.error:.2g} standard deviations off, not within "
            f"{bound.error:.2g}"
        )
    return found


@dataclass(frozen=True)
class ExportResult:
    """A file that was made and run: its agreement with Keras, both latencies (median, batch 1).

    refused: why it is not kept; empty if it is.
    """

    kind: ExportTarget
    bytes: int
    agreement: Agreement
    milliseconds: float
    keras_milliseconds: float
    refused: tuple[str, ...]


def export_and_verify(
    predictor: Predictor,
    samples: SampleImages,
    kind: ExportTarget,
    folder: Path,
    origin: dict[str, Any],
) -> ExportResult:
    """Write the file and, if it agrees with Keras, its card into an empty folder."""
    file = folder / FORMATS[kind.format].file
    convert(predictor, samples.calibration, kind, file)
    network = open_network(kind.format, file)
    expected = np.asarray(predictor.network.predict_on_batch(samples.test), np.float32)
    agreement = measure_agreement(expected, network.predict_on_batch(samples.test))
    keras_time, own_time = time_in_turns(predictor.network, network, samples.test[:1])
    refused = tuple(disagreements(agreement, AGREEMENT_BOUNDS[kind.precision]))
    made = ExportResult(kind, size_in_bytes(file), agreement, own_time, keras_time, refused)
    if not made.refused:
        ExportManifest(
            format=kind.format,
            precision=kind.precision,
            file=file.name,
            sha256=checksum(file),
            bytes=made.bytes,
            grid=predictor.grid,
            images=network.input_shape[0],
            classes=predictor.classes,
            origin=origin,
            agreement=_agreement_facts(made, samples),
        ).write(folder)
    return made


def convert(predictor: Predictor, calibration: Batch, kind: ExportTarget, file: Path) -> None:
    """Write the network of a predictor to a file of that kind."""
    if kind.format == "onnx":
        facts = {
            "classes": list(predictor.classes.names),
            "palette": [list(colour) for colour in predictor.classes.palette],
            "grid": list(predictor.grid),
            "colour": "RGB",
            "resizing": RESIZING,
            "labelling": LABELLING,
        }
        write_onnx(predictor.network, file, kind.precision, calibration, facts)
    elif kind.format == "litert":
        file.write_bytes(litert_file(predictor.network, kind.precision, calibration))
    else:
        write_saved_model(predictor.network, file)


def time_in_turns(one: Any, other: Any, images: Batch) -> tuple[float, float]:
    """Return the median milliseconds of two networks, called in turns on the same images.

    In turns: a machine that slows down slows both. The first calls of each, which trace and
    allocate, are left out.
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


def _agreement_facts(made: ExportResult, samples: SampleImages) -> dict[str, float | int | str]:
    return {
        **made.agreement.as_dict(),
        "test_images": len(samples.test),
        "calibration_images": len(samples.calibration) if made.kind.precision == INT8 else 0,
        "images_from": samples.source,
        "p50_ms": made.milliseconds,
        "keras_p50_ms": made.keras_milliseconds,
        "threads": thread_count(),
    }
