"""One job done by a real bench on a real store: what is logged, and what a second try adds.

A small SegNet at 32 px on a few drawn faces, compiled once for the whole file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.config import Experiment
from pipelines.data.prepare import prepare
from pipelines.execution.runner import JobRunner
from pipelines.job.context import StudyContext, describe_job
from pipelines.job.job import Job, JobKey
from pipelines.tracking import Sender, Tracker

pytestmark = pytest.mark.slow


class Heard:
    """A job's line that notes what it is told, and prunes after an epoch if it should."""

    def __init__(self, prune_after: int | None = None) -> None:
        self.prune_after = prune_after
        self.values: list[tuple[int, float]] = []

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        pass

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        self.values.append((epoch, value))
        return epoch != self.prune_after


@pytest.fixture(scope="module")
def bench(tracker: Tracker, tmp_path_factory: pytest.TempPathFactory) -> JobRunner:
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
    context = StudyContext(experiment, packs, manifest, tracker, experiment_id, "study", "commit1")
    return JobRunner(context, 1)


Points = dict[str, list[tuple[int, float]]]


@pytest.fixture
def points(bench: JobRunner) -> Callable[[str], Points]:
    def read(run_id: str) -> Points:
        """All points but those of the machine, which go on as long as it runs."""
        client = bench.context.tracker.client
        return {
            key: [(each.step, each.value) for each in client.get_metric_history(run_id, key)]
            for key in client.get_run(run_id).data.metrics
            if not key.startswith("system/")
        }

    return read


def job_of(bench: JobRunner, number: int, attempt: int = 1, **settings: Any) -> Job:
    training = bench.context.experiment.training.model_copy(update=settings)
    return Job(JobKey("trial", "segnet", number), "s-1", 7, attempt, training)


def run_of(bench: JobRunner, number: int) -> Any:
    """Return the run of a job as MLflow has it once all that was said has arrived."""
    context = bench.context
    with Sender(context.outboxes, context.tracker) as sender:
        assert sender.drain(60), sender.status()
    (run,) = context.tracker.find_runs(context.experiment_id, study="s-1", trial=str(number))
    return run


def test_a_job_concluded_again_after_a_crash_doubles_nothing(
    bench: JobRunner, points: Callable[[str], Points]
):
    """The worker died between its last record and the note of how the job ended."""
    heard = Heard()
    result = bench.run(job_of(bench, 0), heard)
    run = run_of(bench, 0)
    before = points(run.info.run_id)
    assert [epoch for epoch, _ in heard.values] == [1, 2, 3]
    assert result.value == max(value for _, value in heard.values)
    assert [step for step, _ in before["occlusion/gray_square/iou"]] == [0, 5, 10, 20, 35, 50]
    (bench.context.checkpoints / "s-1" / "segnet-trial-000" / "outcome.json").unlink()
    again = Heard()
    assert bench.run(job_of(bench, 0, attempt=2), again) == result
    assert again.values == heard.values  # from the checkpoint: nothing was trained again
    assert points(run.info.run_id) == before
    assert run_of(bench, 0).data.tags["faceseg.attempt"] == "2"


def test_a_job_that_had_ended_untold_is_told_and_closed(bench: JobRunner):
    bench.run(job_of(bench, 1), Heard(prune_after=1))
    nothing = Heard()
    result = bench.run(job_of(bench, 1, attempt=2), nothing)
    assert result.pruned
    assert nothing.values == []
    assert run_of(bench, 1).info.status == "FINISHED"
    assert run_of(bench, 1).data.tags["faceseg.attempt"] == "1"  # nothing was begun anew


def test_a_pruned_job_is_evaluated_and_says_so(bench: JobRunner, points: Callable[[str], Points]):
    result = bench.run(job_of(bench, 2), Heard(prune_after=2))
    run = run_of(bench, 2)
    assert result.pruned
    assert result.value == run.data.metrics["best/val_iou"]
    assert run.data.tags["faceseg.state"] == "pruned"
    assert run.data.metrics["epochs"] == 2
    assert [step for step, _ in points(run.info.run_id)["val/iou"]] == [1, 2]
    assert "occlusion/gray_square/iou" in run.data.metrics


def test_a_loss_that_is_not_finite_fails_the_job_with_its_step(bench: JobRunner):
    result = bench.run(job_of(bench, 3, learning_rate=1e30), Heard())
    assert result.value is None
    assert "the loss is not finite at step " in result.reason
    run = run_of(bench, 3)
    assert run.info.status == "FAILED"
    assert run.data.tags["faceseg.reason"] == result.reason


def test_the_next_job_is_none_the_worse_for_it(bench: JobRunner):
    """The network that diverged is the one that the next job gets: it scores as the first did."""
    scores = []
    for number in (4, 5):
        heard = Heard(prune_after=1)
        bench.run(job_of(bench, number), heard)
        scores.append(heard.values)
        bench.run(job_of(bench, 10 + number, learning_rate=1e30), Heard())
    assert scores[0] == scores[1]


def test_an_exception_is_told_with_its_traceback(bench: JobRunner, tmp_path: Path):
    bench.record_failure(job_of(bench, 6), "ValueError: it broke", "Traceback ...")
    run = run_of(bench, 6)
    assert run.info.status == "FAILED"
    assert run.data.tags["faceseg.reason"] == "ValueError: it broke"
    told = bench.context.tracker.fetch(run.info.run_id, "failure.txt", tmp_path)
    assert told.read_text() == "Traceback ..."


def test_checkpoints_of_two_studies_lie_apart_and_go_with_their_job(bench: JobRunner):
    """`faceseg train` and a study's first trial bear the same key."""
    job = job_of(bench, 7)
    bench.run(job, Heard(prune_after=1))
    checkpoints = bench.context.checkpoints
    assert (checkpoints / "s-1" / "segnet-trial-007" / "latest.npz").exists()
    bench.remove_checkpoints(Job(job.key, "s-2", 7, 1, job.settings))
    assert (checkpoints / "s-1" / "segnet-trial-007").exists()
    bench.remove_checkpoints(job)
    assert not (checkpoints / "s-1" / "segnet-trial-007").exists()


@pytest.mark.parametrize(
    ("key", "alone", "sentence"),
    [
        (JobKey("trial", "unet", 3), False, "Trial 3 of the search for unet: "),
        (JobKey("trial", "unet", 3), True, "Single training 3 of unet: "),
        (JobKey("final", "unet", 1, "w"), False, "Final 1 of unet's best setting, tested once: "),
    ],
)
def test_a_run_says_in_a_sentence_what_it_is(
    bench: JobRunner, key: JobKey, alone: bool, sentence: str
):
    job = Job(key, "s", 7, 1, bench.context.experiment.training)
    expected = f"{sentence}learning rate 0.01, batch size 4, 3 epochs, seed 7."
    assert describe_job(job, alone=alone) == expected
