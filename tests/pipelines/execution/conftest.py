"""A real runner on a real store: a small SegNet on drawn faces of 32 px, compiled once a file."""

from collections.abc import Callable

import pytest
from rich.console import Console

from pipelines.config import Experiment
from pipelines.data.prepare import prepare
from pipelines.execution.runner import JobRunner
from pipelines.job.context import StudyContext
from pipelines.tracking import Tracker

from .jobs import Points


@pytest.fixture(scope="module")
def runner(tracker: Tracker, tmp_path_factory: pytest.TempPathFactory) -> JobRunner:
    folder = tmp_path_factory.mktemp("trial")
    experiment = Experiment.model_validate(
        {
            "name": folder.name,
            "data": {
                "image_size": [32, 32],
                "drawn": {"train": 12, "val": 3, "test": 3, "size": 32, "difficulty": 0.2},
            },
            "architectures": {"segnet": {"width": 0.1, "batch_norm_momentum": 0.5}},
            "training": {"epochs": 3, "batch_size": 4, "learning_rate": 0.01},
            "robustness": {"kinds": ["gray_square"], "trial_images": 2},
            "storage": folder,
        }
    )
    packs, manifest = prepare(experiment, Console(quiet=True))
    experiment_id = tracker.experiment(experiment.name, folder / "artifacts")
    context = StudyContext(
        experiment=experiment,
        packs=packs,
        manifest=manifest,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run="study",
        commit="commit1",
    )
    return JobRunner(context, 1)


@pytest.fixture
def points(runner: JobRunner) -> Callable[[str], Points]:
    def read(run_id: str) -> Points:
        """Return all points except those of the system metrics, whose number varies."""
        client = runner.context.tracker.client
        return {
            key: [(each.step, each.value) for each in client.get_metric_history(run_id, key)]
            for key in client.get_run(run_id).data.metrics
            if not key.startswith("system/")
        }

    return read
