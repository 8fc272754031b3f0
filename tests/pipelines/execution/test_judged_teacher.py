"""A judged network as a teacher: which run is taken, its file, and its logits in a training step.

The network has LaPa's classes without hair and takes images of 64 px; the student's have 32 px.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray
from scipy.special import rel_entr, softmax

from faceseg.data.classes import LAPA
from faceseg.data.images import resize_image
from faceseg.errors import UserError
from faceseg.inference.predictor import resize_logits
from faceseg.networks import architectures
from faceseg.networks.blocks import image_input, logits
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch
from pipelines.config import Experiment
from pipelines.execution.judged_teacher import judged_run, pinned_teacher
from pipelines.execution.teacher import teacher_of
from pipelines.foreign.foreign_network import open_foreign_network
from pipelines.foreign.settings import NetworkFile
from pipelines.job.job import EnsembleMember, Job, JobKey
from pipelines.models.exported_models import checksum
from pipelines.tracking import Tracker
from tests.pipelines.judge.colour_networks import class_map, write_onnx
from tests.pipelines.mlflow_runs import open_run

NO_HAIR = tuple(range(10))
SETTINGS = NetworkFile(classes=class_map(NO_HAIR), channels="RGB", scaling="imagenet")
SIZE, IMAGES, TEMPERATURE, WEIGHT = 32, 3, 2.0, 0.7
NAME, DATA = "colours.judged", "f" * 64


@pytest.fixture
def context(tracker: Tracker, experiment_id: str) -> Any:
    """What `teacher_of` uses of a study whose student is taught by a judged network."""
    distil = {"student": "unet", "teacher": NAME, "weight": WEIGHT, "temperature": TEMPERATURE}
    experiment = Experiment.model_validate({"name": "small", "distil": distil})
    return SimpleNamespace(experiment=experiment, tracker=tracker, experiment_id=experiment_id)


def judge(context: Any, file: Path, digest: str, **changed: str) -> str:
    """Store what `faceseg judge` stores of a file; return the run's id."""
    tracker, study = context.tracker, context.experiment.study
    identity = {"judged_in": study, "kind": "judged", "architecture": NAME, "winner": digest}
    run_id = open_run(tracker, context.experiment_id, NAME, identity)
    tags = {"data": DATA, "state": "complete", "network_file": "network.onnx", **changed}
    tracker.set_tags(run_id, **{name: value for name, value in tags.items() if value})
    tracker.log_params(run_id, {"sha256": checksum(file)})
    with tracker.files(run_id) as folder:
        (folder / "network.onnx").write_bytes(file.read_bytes())
        (folder / "map.yaml").write_text(SETTINGS.model_dump_json(exclude_none=True))
    return run_id


def pinned(context: Any) -> EnsembleMember | None:
    return pinned_teacher(context.tracker, context.experiment_id, context.experiment, DATA)


def final(context: Any, digest: str) -> Job:
    return Job(
        key=JobKey(kind="final", architecture="unet-distilled", number=1, winner="c"),
        study=context.experiment.study,
        seed=7,
        attempt=1,
        settings=TrainingSettings(),
        teachers=(EnsembleMember(NAME, digest),),
    )


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "colours.onnx", scaling="imagenet", ids=NO_HAIR)


def test_the_newest_network_of_the_name_teaches_and_a_missing_one_is_asked_for(
    context: Any, onnx_file: Path
):
    command = "faceseg judge FILE --classes MAP.yaml --data EXPERIMENT --name colours"
    with pytest.raises(UserError, match=f"no network {NAME} was judged.*: {command}"):
        pinned(context)
    judge(context, onnx_file, "00000000", data="another data set's")
    with pytest.raises(UserError, match="was judged on the images of this experiment"):
        pinned(context)
    judge(context, onnx_file, "aaaa1111", network_file="")
    with pytest.raises(UserError, match=f"an earlier version, which did not store.*: {command}"):
        pinned(context)
    judge(context, onnx_file, "bbbb2222")
    assert pinned(context) == EnsembleMember(NAME, "bbbb2222")
    none = context.experiment.model_copy(update={"distil": None})
    assert pinned_teacher(context.tracker, context.experiment_id, none, DATA) is None


def test_a_stored_file_that_was_changed_or_deleted_is_refused(context: Any, onnx_file: Path):
    run_id = judge(context, onnx_file, "aaaa1111")
    with context.tracker.files(run_id) as folder:
        (folder / "network.onnx").write_bytes(onnx_file.read_bytes() + b" ")
    outbox: Any = SimpleNamespace(params=lambda values: None)
    with pytest.raises(UserError, match="is not the one that was judged"):
        teacher_of(context, final(context, "aaaa1111"), outbox)
    with pytest.raises(UserError, match=f"teacher {NAME} is not in MLflow any more"):
        judged_run(context, EnsembleMember(NAME, "bbbb2222"))


def build_student(shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build one 1x1 convolution: without statistics, its logits are the same in training."""
    image, outputs = image_input(*shape[:2])
    return keras.Model(image, logits(outputs, num_classes), name="student")


def divergence(
    student: NDArray[np.float32], teacher: NDArray[np.float32], labels: NDArray[np.uint8]
) -> float:
    """Return T² KL by SciPy: over the classes and the pixels without hair."""
    wanted, found = (
        softmax(each[..., NO_HAIR].astype(np.float64) / TEMPERATURE, axis=-1)
        for each in (teacher, student)
    )
    pixels = rel_entr(wanted, found).sum(axis=-1)[np.isin(labels, NO_HAIR)]
    return float(TEMPERATURE**2 * pixels.mean())


def test_the_students_step_gets_the_logits_that_the_judge_gets(
    context: Any, onnx_file: Path, monkeypatch: pytest.MonkeyPatch
):
    run_id = judge(context, onnx_file, "aaaa1111")
    logged: list[dict[str, Any]] = []
    outbox: Any = SimpleNamespace(params=logged.append)
    distillation = teacher_of(context, final(context, "aaaa1111"), outbox)
    assert logged[0]["teachers"] == {NAME: run_id}
    assert distillation.outside is not None
    assert distillation.outside.known == NO_HAIR

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    labels = random.choice(np.array([*range(11), 255], np.uint8), (IMAGES, SIZE, SIZE))
    judged = open_foreign_network(onnx_file, SETTINGS, LAPA)
    larger = np.stack([resize_image(image, (64, 64)) for image in images])
    expected = np.stack(
        [resize_logits(each, (SIZE, SIZE)) for each in judged.predict_on_batch(larger)]
    )
    np.testing.assert_array_equal(distillation.outside.logits(images), expected)

    monkeypatch.setitem(architectures.BUILDERS, "student", build_student)
    monkeypatch.setattr(architectures, "ARCHITECTURES", (*architectures.ARCHITECTURES, "student"))
    spec = NetworkSpec(architecture="student", image_size=(SIZE, SIZE), num_classes=len(LAPA))
    settings = TrainingSettings(epochs=1, batch_size=IMAGES)
    student = CompiledNetwork(spec, settings, distillation)
    student.reset(settings, seed=1, total_steps=1)
    before = ops.convert_to_numpy(student.network(images, training=False))
    by_labels = float(ops.convert_to_numpy(student.model.segmentation_loss(labels, before)))
    steps = student.steps.train([(images, labels)], IMAGES, Stopwatch(), lambda *_: None)
    taught = by_labels + WEIGHT * divergence(before, expected, labels)
    assert steps["loss"] == pytest.approx(taught, rel=1e-4)
