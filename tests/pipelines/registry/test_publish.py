"""The model registry on a real MLflow store, with a network whose answers are known."""

import base64
import io
import math
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceseg.data.manifest import Manifest, SplitFacts
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.job import context as runs
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, JobKey
from pipelines.registry import publish
from pipelines.tracking import Sender, Tracker

VALUES = {
    **{f"test/{name}": 0.5 for name in ("iou", "dice", "precision", "recall", "iou_small")},
    "test/boundary_iou": math.nan,  # a split without such an edge
    "occlusion/retention": 0.75,
    "occlusion/eye_band/retention": 0.25,
    "latency/p50_ms": 12.345,
    "model/parameters": 1234.0,
    "model/macs": 2.5e9,
}


@pytest.fixture(scope="module")
def final_folder(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a final leaves: its network, and the records of two images, one of them all wrong.

    Skin (1): 30 of 30 pixels of one image, none of 30 of the other, which are taken for hair (10).
    """
    folder = tmp_path_factory.mktemp("final")
    (folder / "checkpoints").mkdir()
    shutil.copy(network_file, folder / "checkpoints" / "best.keras")
    counts = np.zeros((2, 11, 11), dtype=np.int64)
    counts[0, 1, 1] = counts[1, 1, 10] = 30
    empty = np.zeros((2, 11, 2), np.int64), np.zeros((2, 2), np.int64), np.zeros((2, 15, 3))
    EvaluationRecords(
        ("a_0", "b_0"), (), 0.1, SplitEvaluation(("a_0", "b_0"), counts, *empty), ({}, {})
    ).write(folder / "confusion.npz")
    return folder


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    experiment = Experiment.model_validate(
        {
            "name": "registry",
            "storage": tmp_path,
            "tracking": {"registered_model": f"model-{tmp_path.name}"},
        }
    )
    counted = SplitFacts(count=2, photos=2, repeated=0, class_shares={}, digest="")
    manifest = Manifest.model_construct(fingerprint="abcdef", splits={"test": counted})
    return StudyContext(experiment, tmp_path, manifest, tracker, experiment_id, "study", "commit1")


def final(
    context: StudyContext, folder: Path, architecture: str, number: int, iou: float
) -> tuple[Job, str]:
    """Say a final's model and score as `Bench` does, and wait until they have arrived."""
    key = JobKey("final", architecture, number, "winner01")
    job = Job(key, context.experiment.study, 7, 1, TrainingSettings())
    outbox = runs.job_outbox(context, job)
    outbox.once({"best/val_iou": iou}, at=1.0)
    publish.register_final(context, job, outbox, folder, VALUES)
    with Sender(context.outboxes, context.tracker) as sender:
        assert sender.drain(30), sender.status()
    identity = outbox.run.identity
    return job, context.tracker.find_runs(context.experiment_id, **identity)[0].info.run_id


def aliases(context: StudyContext) -> dict[str, str]:
    name = context.experiment.tracking.registered_model
    found = context.tracker.client.get_registered_model(name).aliases
    return {alias: str(version) for alias, version in found.items()}


def test_a_final_becomes_a_version_that_says_what_it_is(context: StudyContext, final_folder: Path):
    _, run_id = final(context, final_folder, "unet", 0, 0.5)
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


def test_a_final_done_again_keeps_its_version(context: StudyContext, final_folder: Path):
    for _ in range(2):
        final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    assert len(context.tracker.client.search_model_versions(f"name = '{name}'")) == 1


def test_aliases_name_the_best_by_validation_and_keep_the_champion(
    context: StudyContext, final_folder: Path
):
    winners = {"unet": "winner01", "segnet": "winner01"}
    for architecture, number, iou in (("unet", 0, 0.3), ("unet", 1, 0.4), ("segnet", 0, 0.6)):
        final(context, final_folder, architecture, number, iou)
    expected = {"best-unet": "2", "best-segnet": "3", "champion": "3"}
    assert publish.set_aliases(context, winners) == expected
    assert aliases(context) == expected
    final(context, final_folder, "unet", 2, 0.9)
    assert publish.set_aliases(context, winners) == {"best-unet": "4", "best-segnet": "3"}
    assert aliases(context) == {"best-unet": "4", "best-segnet": "3", "champion": "3"}


def test_finals_of_other_settings_are_not_pointed_at(context: StudyContext, final_folder: Path):
    final(context, final_folder, "unet", 0, 0.9)
    assert publish.set_aliases(context, {"unet": "winner02"}) == {}
    assert aliases(context) == {}


def encoded(image: np.ndarray, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_version_is_served_images_and_gives_label_maps_of_their_size(
    context: StudyContext, final_folder: Path
):
    """Left red, right blue, 48 rows of 80 pixels: ids 1 and 3, but for the blurred middle."""
    final(context, final_folder, "unet", 0, 0.5)
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


def test_probabilities_sum_to_one_and_agree_with_the_labels(
    context: StudyContext, final_folder: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    image = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    given = pd.DataFrame({"image": [encoded(image, "PNG")]})
    (answer,) = model.predict(given, params={"probabilities": True})
    found = np.load(io.BytesIO(base64.b64decode(answer)), allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float16, (40, 60, 11))
    np.testing.assert_allclose(found.astype(float).sum(axis=-1), 1, atol=0.01)
    (answer,) = model.predict(given)
    labels = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer))))
    ranked = np.sort(found.astype(float), axis=-1)
    sure = ranked[..., -1] - ranked[..., -2] > 0.002  # float16 ends there
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(found.argmax(axis=-1)[sure], labels[sure])


def test_what_is_no_image_is_refused_by_its_number(context: StudyContext, final_folder: Path):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    whole = encoded(np.zeros((8, 8, 3), np.uint8), "PNG")
    for broken, words in (
        ("?", "image 1 is no base64"),
        (base64.b64encode(b"text").decode(), "image 1: no JPEG or PNG image"),
        (whole[:-16], "image 1: broken or truncated"),
    ):
        with pytest.raises(mlflow.MlflowException, match=words):
            model.predict(pd.DataFrame({"image": [whole, broken]}))


def test_the_card_stands_on_the_version_and_in_the_model(context: StudyContext, final_folder: Path):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    card = context.tracker.client.get_model_version(name, "1").description
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1"))
    assert (folder / "model_card.md").read_text(encoding="utf-8") == card
    # By hand: skin is hit in one image of two, so 30 of 60 pixels. Hair is seen where there is
    # none, and so 0; the mean of the two is a quarter.
    assert "On 2 test images (2 photographs)" in card
    assert "| skin | 1 | #0099ff | 0.500 |" in card
    assert "| IoU | 0.250 |" in card
    assert "| nose | 6 | #ff9900 | not in the test |  |" in card
    assert "12.3 ms an image" in card
    assert "1,234 parameters; 2.50 billion multiply-adds" in card
    assert "Terms: drawn by faceseg itself; free to use." in card
    assert "2 test images are few" in card
    assert "The data does not tell skin tones" in card


ALONE = """
import sys

own = [each for each in sys.meta_path if "editable" in getattr(each, "__module__", "")]
sys.meta_path = [each for each in sys.meta_path if each not in own]
sys.path_importer_cache.clear()
import importlib.util

assert importlib.util.find_spec("faceseg") is None
import mlflow
import pandas

model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(pandas.DataFrame([model.input_example])))
import faceseg

assert faceseg.__file__.startswith(sys.argv[1])
"""


@pytest.mark.slow
def test_the_model_needs_no_faceseg_installed(
    context: StudyContext, final_folder: Path, tmp_path: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    folder = mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path=tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, folder.rstrip("/")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "iVBOR" in done.stdout  # a PNG in base64
