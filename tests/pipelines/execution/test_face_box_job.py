"""A job of an experiment on face boxes: its network crops, and is scored on whole images."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from faceseg.data.manifest import Manifest
from faceseg.evaluation.records import EvaluationRecords
from faceseg.inference.face_box import FaceBoxPredictor
from faceseg.inference.predictor import Predictor, load
from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.data.prepare import prepare
from pipelines.execution import runner
from pipelines.execution.runner import JobRunner
from pipelines.execution.trained_files import NETWORK, RECORDS
from pipelines.job.context import StudyContext
from pipelines.job.job import EnsembleMember, Job, JobKey
from pipelines.tracking import Tracker
from tests.pipelines.execution.jobs import RecordingReporter, job_of, run_of


@pytest.fixture(scope="module")
def boxed_runner(tracker: Tracker, tmp_path_factory: pytest.TempPathFactory) -> JobRunner:
    folder = tmp_path_factory.mktemp("boxes")
    experiment = Experiment.model_validate(
        {
            "name": folder.name,
            "data": {
                "image_size": [32, 32],
                "face_box": {"margin": 0.3},
                "drawn": {"train": 4, "val": 2, "test": 1, "size": 96, "difficulty": 0.2},
            },
            "architectures": {"segnet": {"width": 0.1}},
            "training": {"epochs": 1, "batch_size": 2},
            "robustness": {"kinds": ["gray_square"], "trial_images": 2},
            "storage": folder,
        }
    )
    packs, manifest = prepare(experiment, Console(quiet=True))
    context = StudyContext(
        experiment=experiment,
        packs=packs,
        manifest=manifest,
        tracker=tracker,
        experiment_id=tracker.experiment(experiment.name, folder / "artifacts"),
        study_run="study",
        commit="commit1",
    )
    return JobRunner(context, 1)


@pytest.mark.nightly
def test_a_trained_network_crops_and_is_scored_on_whole_images(boxed_runner: JobRunner):
    boxed_runner.run(job_of(boxed_runner, 1), RecordingReporter())
    run = run_of(boxed_runner, 1)
    assert run.data.tags["faceseg.state"] == "complete"
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert isinstance(load(folder / NETWORK), FaceBoxPredictor)
    records = EvaluationRecords.read(folder / RECORDS)
    clean = records.conditions[0]
    (counts, *_) = clean.counts.values()
    pixels = [boxed_runner.context.validation.original(each)[1].size for each in range(2)]
    assert np.asarray(counts).sum(axis=(1, 2)).tolist() == pixels == [96 * 96] * 2


def test_a_taught_network_crops_too(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is assessed as its student is; nothing is compiled here."""
    network = SimpleNamespace(input_shape=(None, 32, 32, 3))
    monkeypatch.setattr(runner, "CompiledNetwork", lambda *_: SimpleNamespace(network=network))
    monkeypatch.setattr(runner, "teacher_of", lambda *_: None)
    distil = {"student": "segnet", "teacher": "mine.judged"}
    for face_box, kind in ({"margin": 0.3}, FaceBoxPredictor), (None, Predictor):
        data = {"image_size": [32, 32], **({"face_box": face_box} if face_box else {})}
        content = {"name": "boxes", "architectures": {"segnet": {}}, "data": data, "distil": distil}
        context = StudyContext(
            experiment=Experiment.model_validate(content),
            packs=tmp_path,
            manifest=Manifest.model_construct(),
            tracker=tracker,
            experiment_id="1",
            study_run="study",
            commit="commit1",
        )
        job = Job(
            key=JobKey(kind="final", architecture="segnet-distilled", number=0, winner="a"),
            study="boxes-1",
            seed=1,
            attempt=1,
            settings=TrainingSettings(),
            teachers=(EnsembleMember("mine.judged", "b"),),
        )
        outbox: Any = None
        _, predictor = JobRunner(context, 1)._compile(job, outbox)
        assert type(predictor) is kind
