"""Registration in a real MLflow store, with a network whose predictions are known."""

from dataclasses import replace
from pathlib import Path

import mlflow

from pipelines.config.data_section import FaceBox
from pipelines.execution.gpu_cost import GpuCost
from pipelines.job.context import StudyContext
from pipelines.search.gpu_measurement import log_gpu_cost
from tests.pipelines.registry.registered_final import final


def test_a_final_becomes_a_version_with_tags(context: StudyContext, final_folder: Path):
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


def test_a_repeated_final_keeps_its_version(context: StudyContext, final_folder: Path):
    for _ in range(2):
        final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    assert len(context.tracker.client.search_model_versions(f"name = '{name}'")) == 1


def test_the_card_is_stored_in_the_version_and_in_the_model(
    context: StudyContext, final_folder: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    card = context.tracker.client.get_model_version(name, "1").description
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1"))
    assert (folder / "model_card.md").read_text(encoding="utf-8") == card
    # By hand: 30 of 60 pixels of skin are labelled skin, an IoU of 1/2. Hair is predicted but
    # does not occur, an IoU of 0. The mean of the two is 1/4.
    assert "Measured on 2 test images (2 photographs)" in card
    assert "| skin | 1 | #0099ff | 0.500 |" in card
    assert "| IoU | 0.250 |" in card
    assert "| nose | 6 | #ff9900 | not in the test |  |" in card
    assert "12.3 ms per image (median, one image per call, on the CPU of the final's" in card
    assert "1,234 parameters; 2.50 billion multiply-adds" in card
    assert "Terms: drawn by faceseg itself; free to use." in card
    assert "2 test images are few" in card
    assert "The data contains no skin tones" in card
    assert "detector" not in card


def test_the_cost_on_a_gpu_is_added_to_the_card_once(context: StudyContext, final_folder: Path):
    _, run_id = final(context, final_folder, "unet", 0, 0.5)
    client, name = context.tracker.client, context.experiment.tracking.registered_model
    before = client.get_model_version(name, "1").description
    for latency in (9.0, 1.5):
        metrics = {"latency/gpu_p50_ms": latency, "throughput/gpu_images_per_second": 900.0}
        log_gpu_cost(context, run_id, GpuCost("NVIDIA H100", metrics))
    card = client.get_model_version(name, "1").description
    line = (
        "On a GPU, NVIDIA H100: 1.5 ms per image (median, one image per call); 900 images per "
        "second (32 per call).\n\n"
    )
    assert card == before.replace("## Data\n", f"{line}## Data\n")


def test_the_card_of_a_network_on_face_boxes_names_the_detector(
    context: StudyContext, final_folder: Path
):
    experiment = context.experiment
    data = experiment.data.model_copy(update={"face_box": FaceBox(margin=0.25)})
    boxed = replace(context, experiment=experiment.model_copy(update={"data": data}))
    final(boxed, final_folder, "unet", 0, 0.5)
    name = experiment.tracking.registered_model
    card = context.tracker.client.get_model_version(name, "1").description
    assert "A detector finds the faces of the photograph. Each is cropped with 25% of its" in card
