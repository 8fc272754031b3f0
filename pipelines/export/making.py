"""One file made, run in its own runtime, compared with Keras, and kept only if they agree."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceseg.predictor import Predictor
from pipelines.export.agreement import Agreement, compare, refusals
from pipelines.export.card import LABELLING, RESIZING, Card, checksum, size
from pipelines.export.converters import litert_file, write_saved_model
from pipelines.export.formats import BOUNDS, FORMATS, INT8, Kind
from pipelines.export.onnx_file import write_onnx
from pipelines.export.opening import open_network
from pipelines.export.runtimes import all_threads
from pipelines.export.samples import Batch, Samples

WARM_UP, RUNS = 5, 30


@dataclass(frozen=True)
class Made:
    """A file that was made and run: its agreement with Keras, both latencies (median, batch 1).

    refused: why it is not kept; empty if it is.
    """

    kind: Kind
    bytes: int
    agreement: Agreement
    milliseconds: float
    keras_milliseconds: float
    refused: tuple[str, ...]


def make(
    predictor: Predictor, samples: Samples, kind: Kind, folder: Path, origin: dict[str, Any]
) -> Made:
    """Write the file and, if it agrees with Keras, its card into an empty folder."""
    file = folder / FORMATS[kind.format].file
    convert(predictor, samples.calibration, kind, file)
    network = open_network(kind.format, file)
    expected = np.asarray(predictor.network.predict_on_batch(samples.test), np.float32)
    agreement = compare(expected, network.predict_on_batch(samples.test))
    keras_time, own_time = side_by_side(predictor.network, network, samples.test[:1])
    refused = tuple(refusals(agreement, BOUNDS[kind.precision]))
    made = Made(kind, size(file), agreement, own_time, keras_time, refused)
    if not made.refused:
        Card(
            format=kind.format,
            precision=kind.precision,
            file=file.name,
            sha256=checksum(file),
            bytes=made.bytes,
            grid=predictor.grid,
            images=network.input_shape[0],
            classes=predictor.classes,
            origin=origin,
            agreement=_measured(made, samples),
        ).write(folder)
    return made


def convert(predictor: Predictor, calibration: Batch, kind: Kind, file: Path) -> None:
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


def side_by_side(one: Any, other: Any, images: Batch) -> tuple[float, float]:
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


def _measured(made: Made, samples: Samples) -> dict[str, float | int | str]:
    return {
        **made.agreement.as_dict(),
        "test_images": len(samples.test),
        "calibration_images": len(samples.calibration) if made.kind.precision == INT8 else 0,
        "images_from": samples.source,
        "p50_ms": made.milliseconds,
        "keras_p50_ms": made.keras_milliseconds,
        "threads": all_threads(),
    }
