"""Jobs of a real runner on a real store: what is logged, and what a second attempt adds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from faceseg.data.classes import LAPA
from pipelines.config.data_section import FaceBox
from pipelines.execution import cost
from pipelines.execution.runner import JobRunner
from pipelines.execution.trained_files import network_origin, restore_training
from pipelines.job import results
from pipelines.job.cost_meter import CostMeter
from pipelines.job.job import Job, JobKey
from pipelines.job.spent import Spent
from pipelines.registry import publish

from .jobs import Points, RecordingReporter, job_of, run_of

pytestmark = pytest.mark.slow


def test_a_job_that_is_finished_again_after_a_crash_logs_nothing_twice(
    runner: JobRunner, points: Callable[[str], Points]
):
    """The worker died between its last record and outcome.json."""
    first = RecordingReporter()
    result = runner.run(job_of(runner, 0), first)
    run = run_of(runner, 0)
    before = points(run.info.run_id)
    assert [epoch for epoch, _ in first.values] == [1, 2, 3]
    assert result.value == max(value for _, value in first.values)
    assert [step for step, _ in before["occlusion/gray_square/iou"]] == [0, 5, 10, 20, 35, 50]
    assert {f"seconds/{phase}" for phase in results.SUITE_PHASES} < set(before)
    (runner.context.checkpoints / "s-1" / "segnet-trial-000" / "outcome.json").unlink()
    second = RecordingReporter()
    assert runner.run(job_of(runner, 0, attempt=2), second) == result
    assert second.values == first.values  # from the checkpoint: no epoch is trained again
    assert points(run.info.run_id) == before
    tags = run_of(runner, 0).data.tags
    assert (tags["faceseg.attempt"], tags["faceseg.state"]) == ("2", "complete")


def test_the_outcome_of_a_job_that_ended_before_its_worker_died_is_returned(runner: JobRunner):
    runner.run(job_of(runner, 1), RecordingReporter(prune_after=1))
    reporter = RecordingReporter()
    result = runner.run(job_of(runner, 1, attempt=2), reporter)
    assert result.pruned
    assert reporter.values == []
    assert run_of(runner, 1).info.status == "FINISHED"
    assert run_of(runner, 1).data.tags["faceseg.attempt"] == "1"  # no attempt was started


def test_a_pruned_job_is_evaluated_and_has_the_cost_of_all_its_attempts(
    runner: JobRunner,
    points: Callable[[str], Points],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Its earlier attempts took 40 s of a worker on one CPU; this one takes some seconds."""
    meter = CostMeter(runner.context.experiment.resources, tmp_path)
    monkeypatch.setattr(runner, "meter", meter)
    job = replace(job_of(runner, 2, attempt=3), spent=Spent(seconds=40, cpu_seconds=40))
    with meter.attempt():
        result = runner.run(job, RecordingReporter(prune_after=2))
    run, own = run_of(runner, 2), meter.stop()
    assert own.seconds > 0
    assert run.data.metrics["cost/seconds"] == 40 + own.seconds
    assert run.data.metrics["cost/cpu_seconds"] == 40 + own.cpu_seconds
    assert [step for step, _ in points(run.info.run_id)["cost/seconds"]] == [3]
    assert "cost/money" not in run.data.metrics  # no prices
    assert result.pruned
    assert result.value == run.data.metrics["best/val_iou"]
    assert run.data.tags["faceseg.state"] == "pruned"
    assert run.data.tags["faceseg.xla"] == str(keras.backend.backend() == "jax")  # on a CPU
    assert run.data.metrics["epochs"] == 2
    assert [step for step, _ in points(run.info.run_id)["val/iou"]] == [1, 2]
    assert "occlusion/gray_square/iou" in run.data.metrics


def test_a_loss_that_is_not_finite_fails_the_job_with_its_step(runner: JobRunner):
    result = runner.run(job_of(runner, 3, learning_rate=1e30), RecordingReporter())
    assert result.value is None
    assert "the loss is not finite at step " in result.reason
    run = run_of(runner, 3)
    assert run.info.status == "FAILED"
    assert run.data.tags["faceseg.reason"] == result.reason
    assert run.data.tags["faceseg.own_fault"] == "True"


def test_the_next_job_is_not_affected(runner: JobRunner):
    """The next job uses the network that diverged, and has the scores of the first job."""
    scores = []
    for number in (4, 5):
        reporter = RecordingReporter(prune_after=1)
        runner.run(job_of(runner, number), reporter)
        scores.append(reporter.values)
        runner.run(job_of(runner, 10 + number, learning_rate=1e30), RecordingReporter())
    assert scores[0] == scores[1]


def test_an_exception_is_recorded_with_its_traceback(runner: JobRunner, tmp_path: Path):
    runner.record_failure(job_of(runner, 6), "ValueError: it broke", "Traceback ...")
    run = run_of(runner, 6)
    assert run.info.status == "FAILED"
    assert run.data.tags["faceseg.reason"] == "ValueError: it broke"
    stored = runner.context.tracker.fetch(run.info.run_id, "failure.txt", tmp_path)
    assert stored.read_text() == "Traceback ..."


def test_a_job_that_is_tried_again_loses_the_reason_of_its_failure(runner: JobRunner):
    runner.record_failure(job_of(runner, 8), "RuntimeError: measuring failed", "Traceback ...")
    runner._open_run(job_of(runner, 8, attempt=2))
    tags = run_of(runner, 8).data.tags
    assert (tags["faceseg.state"], tags["faceseg.reason"]) == ("unfinished", "")


def test_checkpoints_of_two_studies_are_separate_and_removed_with_their_job(runner: JobRunner):
    """`faceseg train` and a study's first trial have the same key."""
    job = job_of(runner, 7)
    runner.run(job, RecordingReporter(prune_after=1))
    checkpoints = runner.context.checkpoints
    assert (checkpoints / "s-1" / "segnet-trial-007" / "latest.npz").exists()
    runner.remove_checkpoints(
        Job(key=job.key, study="s-2", seed=7, attempt=1, settings=job.settings)
    )
    assert (checkpoints / "s-1" / "segnet-trial-007").exists()
    runner.remove_checkpoints(job)
    assert not (checkpoints / "s-1" / "segnet-trial-007").exists()


def test_a_final_that_mlflow_has_lost_is_made_again_from_its_files(
    runner: JobRunner, points: Callable[[str], Points], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cost, "network_cost", lambda *_: {"latency/p50_ms": 1.0})
    monkeypatch.setattr(publish, "register_final", lambda *_: None)
    key = JobKey(kind="final", architecture="segnet", number=60, winner="winner01")
    job = replace(job_of(runner, 60), key=key)
    first = RecordingReporter()
    result = runner.run(job, first)
    run = run_of(runner, 60)
    before = points(run.info.run_id)
    runner.remove_checkpoints(job)
    runner.context.tracker.client.delete_run(run.info.run_id)
    lost = replace(job, recorded=result.value, attempt=2)
    assert restore_training(runner.context, replace(lost, seed=8)) is None
    assert restore_training(runner.context, replace(lost, recorded=0.9)) is None

    monkeypatch.setattr(runner, "_train", None)  # it must not be trained again
    second = RecordingReporter()
    assert runner.run(lost, second) == result

    again = run_of(runner, 60)
    assert (again.info.status, again.data.tags["faceseg.state"]) == ("FINISHED", "complete")
    assert again.data.params == run.data.params
    assert second.values == first.values
    varying = {key for key in before if key.startswith(("seconds/", "worker/"))}
    after = points(again.info.run_id)
    assert {key: after[key] for key in before.keys() - varying} == {
        key: before[key] for key in before.keys() - varying
    }


def test_a_network_records_how_much_of_its_training_is_face(runner: JobRunner):
    labels = np.asarray(runner.context.train.labels)
    origin = network_origin(runner.context, job_of(runner, 9), 0.5)
    assert origin["face_share"] == pytest.approx(np.isin(labels, LAPA.face).mean())


def test_a_network_records_the_face_boxes_of_its_training(runner: JobRunner):
    assert "face_box" not in network_origin(runner.context, job_of(runner, 9), 0.5)
    experiment = runner.context.experiment
    data = experiment.data.model_copy(update={"face_box": FaceBox(margin=0.3)})
    context = replace(runner.context, experiment=experiment.model_copy(update={"data": data}))
    assert network_origin(context, job_of(runner, 9), 0.5)["face_box"] == {"margin": 0.3}
