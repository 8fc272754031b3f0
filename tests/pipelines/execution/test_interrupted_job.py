"""A job whose worker dies while a checkpoint is written or copied resumes on another node."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faceseg.training import checkpointing
from pipelines.execution.runner import JobRunner
from pipelines.job.checkpoints import JobCheckpoints

from .jobs import Points, RecordingReporter, job_of, run_of

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture
def sharing(runner: JobRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    """The runner, with a copy of the checkpoints at an address."""
    address = {"checkpoints": f"file://{tmp_path}/copies"}
    experiment = runner.context.experiment.model_copy(update=address)
    monkeypatch.setattr(runner, "context", replace(runner.context, experiment=experiment))
    return runner


@pytest.mark.parametrize("copied", [(), ("latest.npz",)])
def test_an_epoch_that_was_reported_before_it_was_stored_is_reported_again_with_equal_values(
    *,
    sharing: JobRunner,
    points: Callable[[str], Points],
    monkeypatch: pytest.MonkeyPatch,
    copied: tuple[str, ...],
):
    # Every epoch is the best so far, so that both files are copied after each.
    monkeypatch.setattr(checkpointing, "best_epoch", lambda history: history[-1])
    first, number = 20 + 2 * len(copied), 21 + 2 * len(copied)
    undisturbed = RecordingReporter(prune_after=3)
    result = sharing.run(job_of(sharing, first), undisturbed)
    expected = points(run_of(sharing, first).info.run_id)
    upload, threads = JobCheckpoints.upload, []

    def dies(checkpoints: JobCheckpoints, *names: str) -> None:
        threads.append(threading.current_thread())
        if len(threads) < 2:
            upload(checkpoints, *names)
            return
        upload(checkpoints, *copied)
        raise Killed

    before = RecordingReporter()
    with monkeypatch.context() as patch:
        patch.setattr(JobCheckpoints, "upload", dies)
        with pytest.raises(Killed):
            sharing.run(job_of(sharing, number), before)
    assert before.values == undisturbed.values[:2]  # epoch 2 is not complete at the address
    assert threading.main_thread() not in threads
    job = job_of(sharing, number, attempt=2)
    shutil.rmtree(sharing.context.checkpoints / job.study / job.key.folder)  # another node's disk
    again = RecordingReporter(prune_after=3)
    assert sharing.run(job, again) == result
    assert again.values == undisturbed.values
    run = run_of(sharing, number)
    found = points(run.info.run_id)
    for name in ("val/iou", "train/loss", "occlusion/gray_square/iou"):
        assert found[name] == expected[name]
    assert (run.info.status, run.data.tags["faceseg.state"]) == ("FINISHED", "pruned")
