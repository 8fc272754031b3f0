"""Verbs that meet images and labels, in an empty folder."""

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.hostile.hostile_file import Materials
from tests.hostile.outcome import Outcome, Verb, command, outcome_of

DATA = ("--set=data.source=directory", "--set=data.path=faces")
SKIPPING = "--set=data.on_bad=skip"


def _predict_folder(file: Path, materials: Materials) -> Outcome:
    """Label a folder; exit code 1 says that one of several images could not be read."""
    shutil.copy(materials.photograph, file.parent / "good.png")
    code, text, _ = command("predict", materials.network, file.parent, "--out", "out")
    kept = Path("out/masks/good.png").exists()
    return Outcome(2 if code == 1 else code, text, "" if kept else "the mask of the other image")


def _prepare(file: Path, kind: str, *options: str) -> Outcome:
    """Prepare a folder of faces; a hostile file among them is an image, labels or landmarks."""
    _write_faces(file, kind)
    outcome = command("prepare", "quickstart", *DATA, "--set=data.image_size=[32, 32]", *options)
    skipped = SKIPPING in options or kind == "landmarks"
    lost = "the other images" if skipped and outcome.code else ""
    return outcome._replace(lost=lost)


def _train(verb: str, file: Path) -> Outcome:
    _write_faces(file, "labels")
    return command(*verb.split(), "quickstart", *(["unet"] if verb == "train" else []), *DATA)


def _write_faces(file: Path, kind: str) -> None:
    import numpy as np
    from PIL import Image

    labels = np.tile((np.arange(80) * 11 // 80).astype(np.uint8), (48, 1))
    for split in ("train", "val", "test"):
        for folder in ("images", "labels", "landmarks"):
            Path("faces", split, folder).mkdir(parents=True)
        for name in ("good", "other") if split == "train" else ("good",):
            seed = len(split) + len(name)  # the same picture in two splits would be refused
            pixels = np.random.default_rng(seed).integers(0, 256, (48, 80, 3), np.uint8)
            Image.fromarray(pixels).save(f"faces/{split}/images/{name}.png")
            Image.fromarray(labels).save(f"faces/{split}/labels/{name}.png")
    place = Path("faces/train", kind, f"other{file.suffix}")
    place.unlink(missing_ok=True)
    os.rename(file, place)


def _export_images(file: Path, materials: Materials) -> Outcome:
    """Export on a folder of two images; a bad one leaves too few, and nothing is converted."""
    shutil.copy(materials.photograph, file.parent / "good.png")
    images = f"--images={file.parent}"
    return command("export", materials.network, "--format=onnx", images)


@cache
def _client(network: Path) -> Callable[[bytes], tuple[int, str]]:
    """Return a function that posts a photograph to the application of `faceseg serve`."""
    from starlette.testclient import TestClient

    from pipelines.serve.app import create_app
    from pipelines.serve.served_model import model_source
    from pipelines.serve.service import LabellingService
    from pipelines.serve.settings import ServeSettings
    from tests.pipelines.serve.fake_source import decoders

    settings = ServeSettings(model=str(network))
    service = LabellingService(settings, model_source(str(network), None), decoders(), "alone")

    async def gather() -> dict[str, list]:
        return {}

    client = TestClient(create_app(service, None, gather), raise_server_exceptions=False)

    def post(content: bytes) -> tuple[int, str]:
        response = client.post("/v1/predict", content=content)
        return response.status_code, "" if response.status_code == 200 else response.text

    return post


def _serve_image(file: Path, materials: Materials) -> Outcome:
    status, text = _client(materials.network)(file.read_bytes())
    return Outcome(0 if status == 200 else 2 if status < 500 else 1, f"{status} {text}")


def _demo_image(file: Path, _: Materials) -> Outcome:
    from pipelines.demo.photograph import read_upload
    from tests.pipelines.serve.fake_source import decoders

    return outcome_of(lambda: read_upload(file, file.parent, decoders()))


IMAGE_VERBS: dict[str, Verb] = {
    "predict": lambda file, made: command("predict", made.network, file, "--out", "out"),
    "predict a folder": _predict_folder,
    "predict --video": lambda file, made: command("predict", made.network, "--video", file),
    "prepare": lambda file, _: _prepare(file, "images"),
    "prepare, skipping": lambda file, _: _prepare(file, "images", SKIPPING),
    "export": _export_images,
    "serve": _serve_image,
    "demo": _demo_image,
    "prepare, labels": lambda file, _: _prepare(file, "labels"),
    "prepare, labels, skipping": lambda file, _: _prepare(file, "labels", SKIPPING),
    "prepare, landmarks": lambda file, _: _prepare(file, "landmarks"),
    "study, labels": lambda file, _: _train("study", file),
    "train, labels": lambda file, _: _train("train", file),
}
