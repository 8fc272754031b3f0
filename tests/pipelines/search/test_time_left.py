"""The time left, replayed from the recorded jobs of whole studies, and worked by hand."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Experiment, load
from pipelines.config.search_section import Search
from pipelines.search.time_left import (
    TRAINING_PHASES,
    EndedJob,
    JobCosts,
    OpenJob,
    remaining_seconds,
)
from pipelines.search.workload import assessed_images, expected_epochs

RECORDED = Path(__file__).parent / "recorded"
REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A study that was run: its jobs in the order of their ends, and when its report was done."""

    experiment: Experiment
    splits: dict[str, int]
    report: float
    jobs: list[dict[str, Any]]

    @classmethod
    def read(cls, name: str) -> "Recording":
        content = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
        experiment = load(REPOSITORY / content.pop("experiment"))
        workers = len({job["worker"] for job in content["jobs"]})
        resources = experiment.resources.model_copy(update={"workers": workers})
        return cls(experiment=experiment.model_copy(update={"resources": resources}), **content)

    def estimate(self, now: float) -> float | None:
        """Return the estimate as it was at a time, in seconds since the first job began."""
        ended = [job for job in self.jobs if job["ended"] <= now]
        return remaining_seconds(
            [
                EndedJob(**{key: job[key] for key in ("architecture", "kind", "epochs", "seconds")})
                for job in ended
            ],
            sorted(
                (self._open(job, ended, now) for job in self.jobs if job not in ended),
                key=lambda job: job.kind == "final",
            ),
            workers=self.experiment.resources.workers or 1,
            images=assessed_images(self.experiment, self.splits),
        )

    def _open(self, job: dict[str, Any], ended: list[dict[str, Any]], now: float) -> OpenJob:
        """Return a job as it was known: not how often its training was going to be pruned."""
        training = self.experiment.training.epochs
        length: float = self.experiment.finals.epochs or training
        if job["kind"] == "trial":
            pruned = [each["epochs"] for each in ended if each["kind"] == "trial"]
            length = expected_epochs(self.experiment.search, training, pruned)
        given = {"architecture": job["architecture"], "kind": job["kind"]}
        if job["began"] > now:
            return OpenJob(**given, epochs=length)
        seconds = job["seconds"]
        training_seconds = sum(seconds.get(phase, 0.0) for phase in TRAINING_PHASES)
        trained = now - job["began"] - seconds.get("compiling", 0.0)
        done = int(min(max(trained / training_seconds, 0.0), 1.0) * job["epochs"])
        epochs = length if done < length else training
        return OpenJob(**given, epochs=epochs, done=done, elapsed=now - job["began"])


@pytest.mark.parametrize("name", ["earlier"])
def test_the_time_left_is_right_within_a_factor_of_one_and_a_half(name: str):
    recording = Recording.read(name)
    ends = [job["ended"] for job in recording.jobs]
    for now in ends:
        left = recording.report - now
        estimate = recording.estimate(now)
        assert estimate is not None
        if left > 20:  # what follows the last final has no measured part
            assert left / 1.5 < estimate < left * 1.5, f"{now}: {estimate:.0f} s for {left:.0f} s"


# One trial was measured: 4 s to compile, 3 epochs of 2 s, 1 s for files, 1 s for 10 images.
TRIAL = EndedJob(
    architecture="unet",
    kind="trial",
    epochs=3,
    seconds={"imports": 4.0, "compiling": 4.0, "steps": 6.0, "artifacts": 1.0, "robustness": 1.0},
)
IMAGES = {"trial": 10, "final": 30}


def job(kind: str = "trial", architecture: str = "unet", **given: Any) -> OpenJob:
    return OpenJob(architecture=architecture, kind=kind, epochs=3.0, **given)


def test_a_job_costs_its_compilation_epochs_and_assessment():
    costs = JobCosts([TRIAL], IMAGES)
    assert costs.whole(job(), cold=False) == 0 + 6 + 1 + 1
    assert costs.whole(job(), cold=True) == 4 + 6 + 1 + 1
    # A final: three times the images, and a process that imports the framework to measure.
    assert costs.whole(job("final"), cold=False) == 6 + 1 + 3 + 1.5 * 4


def test_the_suites_take_the_time_of_all_their_phases():
    seconds = {**TRIAL.seconds, "robustness": 0.25, "drawing": 0.25, "predicting": 0.5}
    costs = JobCosts([replace(TRIAL, seconds=seconds)], IMAGES)
    assert costs.whole(job(), cold=False) == 6 + 1 + 1
    assert costs.whole(job("final"), cold=False) == 6 + 1 + 3 + 1.5 * 4


def test_a_running_job_costs_the_rest():
    costs = JobCosts([TRIAL], IMAGES)
    assert costs.rest(job(done=1.5, elapsed=5.0)) == 3 + 1 + 1
    assert costs.rest(job(architecture="segnet", done=0.0, elapsed=3.0)) == 12 - 3  # compiles
    assert costs.rest(job(done=3.0, elapsed=7.5)) == 8 - 7.5  # is assessed


def test_the_newest_jobs_count_because_the_load_of_a_machine_changes():
    """Three epochs take 6 s in the first job, and 3 s in each of the three after it."""
    faster = EndedJob(architecture="unet", kind="trial", epochs=3, seconds={"steps": 3.0})
    assert JobCosts([TRIAL, *[faster] * 3], IMAGES).whole(job(), cold=False) == 3 + 1 + 1
    measured = EndedJob(architecture="unet", kind="final", epochs=3, seconds={"measuring": 3.0})
    assert JobCosts([TRIAL, measured], IMAGES).imports == 2  # 4 s when the worker began


def test_workers_share_the_waiting_jobs():
    """Three trials of 8 s on two workers take 16 s; the report 2 x 4 s more."""
    arguments: dict[str, Any] = {"workers": 2, "images": IMAGES}
    assert remaining_seconds([TRIAL], [job()] * 3, **arguments) == 16 + 8
    assert remaining_seconds([TRIAL], [], **arguments) == 8
    assert remaining_seconds([], [job()] * 3, **arguments) is None


def test_a_network_of_which_no_job_has_ended_is_estimated_from_its_running_one():
    """Of 24 s for two epochs, 4 s are the compilation."""
    running = job(architecture="segnet", done=2.0, elapsed=24.0)
    costs = 10.0 + 1 + 1  # the third epoch, files, images
    assert remaining_seconds([TRIAL], [running], workers=1, images=IMAGES) == costs + 8
    resumed = job(architecture="segnet", done=2.0, elapsed=14.0, resumed_at=1)
    assert remaining_seconds([TRIAL], [resumed], workers=1, images=IMAGES) == costs + 8


@pytest.mark.parametrize(
    ("pruner", "ended", "mean"),
    [
        ("none", [], 9.0),
        ("none", [9, 5], 7.0),  # training ended early by itself
        ("halving", [], 3 + (9 - 3) / 3),  # one in three goes on at epoch 3
        ("halving", [9, 3], (2 * 5 + 12) / 4),  # together with two trials of the prior mean
    ],
)
def test_the_epochs_of_a_trial_to_come(pruner: str, ended: list[int], mean: float):
    search = Search.model_validate({"pruner": pruner, "grace_epochs": 3, "reduction_factor": 3})
    assert expected_epochs(search, 9, ended) == mean


def test_suites_are_counted_by_their_conditions():
    """Three kinds of occlusion with 5 severities each, and the unchanged images."""
    experiment = Experiment.model_validate({"name": "test"})
    images = assessed_images(experiment, {"val": 20, "test": 1000})
    per_image = images["trial"] // 20
    assert images == {"trial": 20 * per_image, "final": 500 * per_image}
    grey = {"robustness": {"corruption": ["grey"]}}
    more = assessed_images(Experiment.model_validate({"name": "test", **grey}), {})
    assert more["trial"] == 50 * per_image
    assert more["final"] > 500 * per_image
