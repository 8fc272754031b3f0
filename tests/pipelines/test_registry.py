"""The model registry on a real MLflow store, with a network whose answers are known.

The network is one 1x1 convolution: red pixels are class 1, green ones 2, blue ones 3.
"""

import base64
import io
import math
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceseg.classes import LAPA
from faceseg.data.manifest import Manifest
from faceseg.saving import save
from faceseg.training.settings import TrainingSettings
from pipelines import registry, runs
from pipelines.config import Experiment
from pipelines.context import Context
from pipelines.search.job import Job, Key
from pipelines.tracking import Sender, Tracker

VALUES = {
    **{f"test/{name}": 0.5 for name in ("iou", "dice", "precision", "recall", "iou_small")},
    "test/boundary_iou": math.nan,  # a split without such an edge
    "occlusion/retention": 0.75,
    "latency/p50_ms": 12.345,
}


@pytest.fixture(scope="module")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = keras.Input((32, 32, 3))
    kernel = np.zeros((1, 1, 3, 11), dtype=np.float32)
    kernel[0, 0, [0, 1, 2], [1, 2, 3]] = 1
    layer = keras.layers.Conv2D(11, 1, kernel_initializer=keras.initializers.Constant(kernel))
    path = tmp_path_factory.mktemp("network") / "best.keras"
    save(keras.Model(image, layer(image)), path, LAPA, {"made_for": "a test"})
    return path


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> Context:
    experiment = Experiment.model_validate(
        {
            "name": "registry",
            "storage": tmp_path,
            "tracking": {"registered_model": f"model-{tmp_path.name}"},
        }
    )
    manifest = Manifest.model_construct(fingerprint="abcdef")
    return Context(experiment, tmp_path, manifest, tracker, experiment_id, "study", "commit1")


def final(
    context: Context, network_file: Path, architecture: str, number: int, iou: float
) -> tuple[Job, str]:
    """Say a final's model and score as `Bench` does, and wait until they have arrived."""
    key = Key("final", architecture, number, "winner01")
    job = Job(key, context.experiment.study, 7, 1, TrainingSettings())
    outbox = runs.outbox(context, job)
    outbox.once({"best/val_iou": iou}, at=1.0)
    registry.register(context, job, outbox, network_file, VALUES)
    with Sender(context.outboxes, context.tracker) as sender:
        assert sender.drain(30), sender.waiting()
    identity = outbox.run.identity
    return job, context.tracker.find_runs(context.experiment_id, **identity)[0].info.run_id


def aliases(context: Context) -> dict[str, str]:
    name = context.experiment.tracking.registered_model
    found = context.tracker.client.get_registered_model(name).aliases
    return {alias: str(version) for alias, version in found.items()}


def test_a_final_becomes_a_version_that_says_what_it_is(context: Context, network_file: Path):
    _, run_id = final(context, network_file, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    version = context.tracker.client.get_model_version(name, "1")
    assert version.run_id == run_id
    assert version.tags == {
        "architecture": "unet",
        "study": context.experiment.study,
        "seed": "7",
        "data": "abcdef",
        "commit": "commit1",
        "test_iou": "0.5000",
        "test_dice": "0.5000",
        "test_precision": "0.5000",
        "test_recall": "0.5000",
        "test_iou_small": "0.5000",
        "occlusion_retention": "0.7500",
        "latency_p50_ms": "12.35",
    }


def test_a_final_done_again_keeps_its_version(context: Context, network_file: Path):
    for _ in range(2):
        final(context, network_file, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    assert len(context.tracker.client.search_model_versions(f"name = '{name}'")) == 1


def test_aliases_name_the_best_by_validation_and_keep_the_champion(
    context: Context, network_file: Path
):
    winners = {"unet": "winner01", "segnet": "winner01"}
    for architecture, number, iou in (("unet", 0, 0.3), ("unet", 1, 0.4), ("segnet", 0, 0.6)):
        final(context, network_file, architecture, number, iou)
    expected = {"best-unet": "2", "best-segnet": "3", "champion": "3"}
    assert registry.set_aliases(context, winners) == expected
    assert aliases(context) == expected
    final(context, network_file, "unet", 2, 0.9)
    assert registry.set_aliases(context, winners) == {"best-unet": "4", "best-segnet": "3"}
    assert aliases(context) == {"best-unet": "4", "best-segnet": "3", "champion": "3"}


def test_finals_of_other_settings_are_not_pointed_at(context: Context, network_file: Path):
    final(context, network_file, "unet", 0, 0.9)
    assert registry.set_aliases(context, {"unet": "winner02"}) == {}
    assert aliases(context) == {}


def encoded(image: np.ndarray, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_version_is_served_images_and_gives_label_maps_of_their_size(
    context: Context, network_file: Path
):
    """Left red, right blue, 48 rows of 80 pixels: ids 1 and 3, but for the blurred middle."""
    final(context, network_file, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    image = np.zeros((48, 80, 3), dtype=np.uint8)
    image[:, :40, 0] = image[:, 40:, 2] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # stored lying: shown turned right by 90 degrees, 80 rows of 48
    pictures = [
        encoded(image, "JPEG", quality=95),
        encoded(image[:20, :30], "PNG"),
        encoded(image, "JPEG", quality=95, exif=turned),
    ]
    answers = model.predict(pd.DataFrame({"image": pictures}))
    maps = [Image.open(io.BytesIO(base64.b64decode(text))) for text in answers]
    assert [(each.format, each.mode) for each in maps] == [("PNG", "L")] * 3
    whole, small, upright = (np.asarray(each) for each in maps)
    assert whole.shape == (48, 80)
    assert np.all(whole[:, :36] == 1)
    assert np.all(whole[:, 44:] == 3)
    assert small.shape == (20, 30)
    assert np.all(small == 1)
    assert upright.shape == (80, 48)
    assert np.all(upright[:36] == 1)
    assert np.all(upright[44:] == 3)
