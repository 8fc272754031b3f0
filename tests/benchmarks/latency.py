"""The time for one photograph: `model.predict`, every export and OpenVINO, on one thread.

    make peers && .venv-peers/bin/python -m tests.benchmarks.latency [--network FILE.keras]

Three tables, with each contender in a process bound to one core: the network at batch 1; a
photograph of 512 px from its pixels to labels at its own size (resizing, network, resizing of the
logits, argmax); and the network in batches of 16. Without `--network` the U-Net at 256 px is first
trained for a few dozen steps on drawn faces, because 8-bit scales need a trained network. An export
that does not agree with Keras within faceseg's limits is marked.
"""

import argparse
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.benchmarks.interleaved_timing import Work, Workload, table, time_in_turns
from tests.benchmarks.machine import described

PHOTOGRAPH, BATCH, CALLS = 512, 16, 16
KERAS = ("model.predict", "model.predict_on_batch", "model(x)")
OPENVINO = ("OpenVINO float32", "OpenVINO bfloat16")


def train(folder: Path, size: int, steps: int) -> Path:
    """Train the U-Net for a few steps on drawn faces; return its file."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.images import resize_image
    from faceseg.networks import saving
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings

    settings = TrainingSettings(learning_rate=3e-3, batch_size=8)
    options = {"batch_norm_momentum": 0.9}
    compiled = CompiledNetwork(
        NetworkSpec(
            architecture="unet", image_size=(size, size), num_classes=len(LAPA), options=options
        ),
        settings,
    )
    compiled.reset(settings, seed=0, total_steps=steps)
    drawn = DrawnFaces(counts={"train": 8 * steps}, size=size, difficulty=0.7)
    faces = drawn.items("train")
    for step in range(steps):
        pairs = [item.read() for item in faces[8 * step : 8 * step + 8]]
        images = np.stack([resize_image(image, (size, size)) for image, _ in pairs])
        compiled.model.train_on_batch(images, np.stack([labels for _, labels in pairs]))
    file = folder / "network.keras"
    saving.save_network(compiled.network, file, LAPA, {})
    return file


def export(network: Path, folder: Path) -> dict[str, str]:
    """Write every export into `folder`; return the files by name, and print each agreement."""
    import faceseg
    from pipelines.export.sample_images import draw_sample_images
    from pipelines.export.verification import export_and_verify
    from pipelines.models.formats import FORMATS, ExportTarget

    predictor = faceseg.load(network)
    samples, files = draw_sample_images(predictor.grid), {}
    for name, each in FORMATS.items():
        for precision in each.precisions:
            kind = ExportTarget(name, precision)
            place = folder / kind.name
            place.mkdir()
            made = export_and_verify(predictor, samples, kind, place, {})
            verdict = "refused by faceseg" if made.refused else "kept"
            print(f"{kind.name}: {made.agreement.pixels:.2%} of the pixels, {verdict}", flush=True)
            files[kind.name + (" (refused)" if made.refused else "")] = str(place / each.file)
    return files


def opened(name: str, file: str) -> Any:
    """Return a network whose `predict_on_batch` takes uint8 (N, h, w, 3), on one thread."""
    from pipelines.models.exported_models import open_network

    if name in OPENVINO:
        return OpenVinoNetwork(file, name.removeprefix("OpenVINO "))
    if name not in KERAS:
        format_name = name.partition("-")[0].replace("saved", "saved-model")
        return open_network(format_name, Path(file), threads=1)
    import faceseg
    from faceseg.backends.device import configure_device

    configure_device(threads=1)
    model = faceseg.load(file).network
    return model if name == "model.predict_on_batch" else KerasNetwork(model, name)


class KerasNetwork:
    """A Keras model, called in another way."""

    def __init__(self, model: Any, door: str) -> None:
        self.model, self.door, self.input_shape = model, door, model.input_shape

    def predict_on_batch(self, images: Any) -> Any:
        """Return logits."""
        if self.door == "model.predict":
            return self.model.predict(images, verbose=0, batch_size=len(images))
        return np.asarray(self.model(images, training=False))


class OpenVinoNetwork:
    """An .onnx file in OpenVINO."""

    def __init__(self, file: str, precision: str) -> None:
        import openvino

        model = openvino.Core().read_model(file)
        hint = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[precision]
        self._compiled = openvino.compile_model(
            model,
            "CPU",
            {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": hint},
        )
        shape = model.inputs[0].partial_shape
        self.input_shape = (None, shape[1].get_length(), shape[2].get_length(), 3)

    def predict_on_batch(self, images: Any) -> Any:
        """Return logits."""
        return next(iter(self._compiled(images).values()))


def network_alone(name: str, file: str, images: int) -> Work:
    """Return calls of the network with `images` at once, already on the grid."""
    network = opened(name, file)
    size = network.input_shape[1:3]
    fits = images if network.input_shape[0] is None else network.input_shape[0]
    pixels = np.random.default_rng(0).integers(0, 256, (images, *size, 3), dtype=np.uint8)

    def work() -> int:
        for _ in range(max(1, CALLS // images)):
            for first in range(0, images, fits):
                network.predict_on_batch(pixels[first : first + fits])
        return images * max(1, CALLS // images)

    return work


def whole(name: str, file: str) -> Work:
    """Return predictions of a photograph, to labels at its own size."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.inference.predictor import Predictor

    predictor = Predictor(opened(name, file), LAPA)
    photograph, _ = DrawnFaces(counts={"test": 1}, size=PHOTOGRAPH).items("test")[0].read()

    def work() -> int:
        for _ in range(CALLS):
            predictor.predict(photograph)
        return CALLS

    return work


def main(arguments: Iterable[str] | None = None) -> None:
    """Train or read the network, export it, print three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--network", type=Path)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "keras", "onnxruntime", "ai-edge-litert", "openvino"), flush=True)
    with TemporaryDirectory(prefix="faceseg-latency-") as place:
        folder = Path(place)
        # In a process of its own: otherwise the training's memory would be kept until the end.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            network = (
                given.network or alone.submit(train, folder, given.image_size, given.steps).result()
            )
            files = dict.fromkeys(KERAS, str(network))
            files |= alone.submit(export, network, folder).result()
        files |= dict.fromkeys(OPENVINO, files["onnx-float32"])
        here = "tests.benchmarks.latency"
        one_thread = {"OMP_NUM_THREADS": "1"}
        for title, made_by, options in (
            ("the network alone, batch 1", "network_alone", {"images": 1}),
            (f"a photograph of {PHOTOGRAPH} px to its own labels", "whole", {}),
            (f"the network alone, batches of {BATCH}", "network_alone", {"images": BATCH}),
        ):
            scores = time_in_turns(
                [
                    Workload(
                        name,
                        f"{here}:{made_by}",
                        {"name": name, "file": file, **options},
                        1,
                        one_thread,
                    )
                    for name, file in files.items()
                ],
                given.rounds,
            )
            print(f"\n{title}\n{table(scores, milliseconds=True)}", flush=True)


if __name__ == "__main__":
    main()
