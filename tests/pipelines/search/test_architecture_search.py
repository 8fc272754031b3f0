"""One architecture's jobs, against a real Optuna database: asks, ends, winners, finals."""

import math
from typing import Any

import pytest
from optuna.trial import TrialState

from pipelines.config import Experiment
from pipelines.job.job import Job, JobKey, derive_seed
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.trials import JobOutcome

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
FIRST = [{"learning_rate": 0.003, "batch_size": 16.0}, {"learning_rate": 0.0005}]


def worker(lane: ArchitectureSearch) -> str:
    return f"{lane.session}/worker-1"


def tell(
    lane: ArchitectureSearch, key: JobKey, value: float | None, state: TrialState, reason: str = ""
) -> None:
    lane.end(key, JobOutcome(value, state == TrialState.PRUNED, reason))


def report(lane: ArchitectureSearch, key: JobKey, epoch: int, value: float) -> bool:
    return lane.report(worker(lane), key, epoch, value) == "go on"


def take(lane: ArchitectureSearch) -> Job:
    job = lane.next(worker(lane))
    assert job is not None
    return job


def finish_search(lane: ArchitectureSearch, *values: float | None) -> list[Job]:
    """Take a job for each value and end it so; None fails."""
    jobs = []
    for value in values:
        job = take(lane)
        assert job.key.kind == "trial"
        tell(lane, job.key, value, FAIL if value is None else COMPLETE, "" if value else "broken")
        jobs.append(job)
    return jobs


def finish_finals(lane: ArchitectureSearch) -> list[Job]:
    jobs = []
    while job := lane.next(worker(lane)):
        assert job.key.kind == "final"
        tell(lane, job.key, 0.5, COMPLETE)
        jobs.append(job)
    return jobs


@pytest.fixture
def lane(experiment: Experiment, open_lane: Any) -> ArchitectureSearch:
    opened: ArchitectureSearch = open_lane(experiment)
    return opened


def test_the_first_points_are_tried_first_and_in_order(
    experiment: Experiment, open_lane: Any, changed: Any
):
    for architecture in ("unet", "segnet"):
        lane = open_lane(changed(experiment, search={"first": FIRST}), architecture)
        first, second, third = finish_search(lane, 0.1, 0.2, 0.3)
        assert (first.settings.learning_rate, first.settings.batch_size) == (0.003, 16)
        assert second.settings.learning_rate == 0.0005
        assert third.settings.learning_rate not in (0.003, 0.0005)


def test_first_points_are_queued_once_however_often_a_lane_is_opened(
    experiment: Experiment, open_lane: Any, changed: Any
):
    experiment = changed(experiment, search={"first": FIRST, "trials": 1})
    for _ in range(3):
        lane = open_lane(experiment)
    assert lane.search.count() == {"waiting": 2}
    finish_search(lane, 0.1)
    assert take(lane).key.kind == "final"  # a point beyond the budget is never tried


def test_a_job_says_all_that_a_worker_needs(lane: ArchitectureSearch, experiment: Experiment):
    job = take(lane)
    assert (job.study, job.attempt) == (experiment.study, 1)
    assert (job.key.architecture, job.key.number, job.key.winner) == ("unet", 0, "")
    assert job.seed == derive_seed(5, "unet", 0)
    assert job.settings.epochs == 6
    assert 1e-4 <= job.settings.learning_rate <= 1e-2
    assert job.settings.batch_size in (8, 16, 32)


def test_the_winner_is_the_best_completed_trial_and_of_equals_the_first(lane: ArchitectureSearch):
    first = take(lane)
    report(lane, first.key, 1, 0.99)
    tell(lane, first.key, 0.99, PRUNED)
    finish_search(lane, 0.4, 0.4)
    assert lane.winner().number == 1
    assert lane.search.count() == {"pruned": 1, "complete": 2}


def test_finals_open_only_behind_the_whole_search(lane: ArchitectureSearch):
    jobs = [take(lane) for _ in range(3)]
    assert lane.next(worker(lane)) is None
    for job in jobs[:2]:
        tell(lane, job.key, 0.3, COMPLETE)
        assert lane.next(worker(lane)) is None
        assert not lane.done()
    tell(lane, jobs[2].key, 0.7, COMPLETE)
    final = take(lane)
    assert final.key.kind == "final"
    assert final.settings == jobs[2].settings.model_copy(update={"epochs": 9})


def test_finals_are_one_a_seed_and_the_seeds_are_every_architectures(
    experiment: Experiment, open_lane: Any
):
    seeds = {}
    for architecture in ("unet", "pspnet", "segnet"):
        lane = open_lane(experiment, architecture)
        finish_search(lane, 0.2, 0.5, 0.3)
        assert not lane.done()
        finals = finish_finals(lane)
        assert lane.done()
        assert lane.finals_done() == 2
        assert [job.key.number for job in finals] == [0, 1]
        assert {job.key.winner for job in finals} == {lane.winner_digest()}
        seeds[architecture] = [job.seed for job in finals]
    assert seeds["unet"] == seeds["pspnet"] == seeds["segnet"]
    assert len(set(seeds["unet"])) == 2


def test_a_final_without_a_length_of_its_own_is_as_long_as_a_trial(
    experiment: Experiment, open_lane: Any, changed: Any
):
    lane = open_lane(changed(experiment, finals={"epochs": None}))
    finish_search(lane, 0.2, 0.5, 0.3)
    assert take(lane).settings.epochs == 6


def test_a_search_that_fails_whole_ends_and_says_why(lane: ArchitectureSearch):
    jobs = [take(lane) for _ in range(3)]
    for job, reason in zip(jobs, ("a", "b", "a"), strict=True):
        tell(lane, job.key, None, FAIL, reason)
    assert lane.next(worker(lane)) is None
    assert lane.done()
    assert lane.winner() is None
    assert lane.failure_reasons() == ["a", "b"]


def test_a_failed_final_is_not_tried_for_ever_and_its_reason_is_told(lane: ArchitectureSearch):
    finish_search(lane, 0.2, 0.5, 0.3)
    for _ in range(2):
        tell(lane, take(lane).key, None, FAIL, "no such luck")
    assert lane.next(worker(lane)) is None
    assert lane.done()
    assert lane.finals_done() == 0
    assert lane.failure_reasons() == ["no such luck"]


def test_an_epoch_reported_again_is_not_stored_again(lane: ArchitectureSearch):
    job = take(lane)
    for epoch, value in ((1, 0.1), (2, 0.2), (1, 0.9), (2, 0.9), (3, 0.3)):
        assert report(lane, job.key, epoch, value)
    stored = lane.search.study.trials[0].intermediate_values
    assert stored == {1: 0.1, 2: 0.2, 3: 0.3}


def test_a_score_that_is_no_number_counts_as_nothing(lane: ArchitectureSearch):
    """A validation split without any foreground has a NaN; Optuna takes none."""
    job = take(lane)
    assert report(lane, job.key, 1, math.nan)
    tell(lane, job.key, math.nan, COMPLETE)
    finish_search(lane, 0.2, 0.1)
    trial = lane.search.study.trials[0]
    assert (trial.state, trial.value, trial.intermediate_values) == (COMPLETE, 0.0, {1: 0.0})
    assert lane.winner().number == 1


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_nothing_is_pruned_before_its_grace_and_something_after(
    pruner: str, experiment: Experiment, open_lane: Any, changed: Any
):
    """Each trial is worse than the one before, so all but the first may go, at epoch 3 or 6."""
    lane = open_lane(
        changed(experiment, search={"pruner": pruner, "trials": 9, "reduction_factor": 2})
    )
    stopped = []
    for number in range(9):
        job = take(lane)
        for epoch in range(1, 7):
            if not report(lane, job.key, epoch, 0.9 - 0.1 * number):
                stopped.append(epoch)
                tell(lane, job.key, None, PRUNED)
                break
        else:
            tell(lane, job.key, 0.9 - 0.1 * number, COMPLETE)
    assert stopped
    assert min(stopped) >= 3
    assert lane.winner().number == 0


@pytest.mark.parametrize("pruner", ["halving", "hyperband", "none"])
def test_a_grace_longer_than_a_trial_prunes_nothing(
    pruner: str, experiment: Experiment, open_lane: Any, changed: Any
):
    lane = open_lane(changed(experiment, search={"pruner": pruner, "grace_epochs": 7}))
    for number in range(3):
        job = take(lane)
        assert all(report(lane, job.key, epoch, 0.9 - 0.3 * number) for epoch in range(1, 7))
        tell(lane, job.key, 0.9 - 0.3 * number, COMPLETE)


def test_finals_are_never_pruned(experiment: Experiment, open_lane: Any, changed: Any):
    lane = open_lane(changed(experiment, search={"pruner": "halving", "grace_epochs": 1}))
    finish_search(lane, 0.9, 0.8, 0.7)
    for number in range(2):
        job = take(lane)
        assert all(report(lane, job.key, epoch, 0.9 - 0.5 * number) for epoch in range(1, 10))


def test_telling_twice_changes_nothing(lane: ArchitectureSearch):
    complete, failed = take(lane), take(lane)
    tell(lane, complete.key, 0.5, COMPLETE)
    tell(lane, failed.key, None, FAIL, "first")
    before = [(each.state, each.value, each.user_attrs) for each in lane.search.study.trials]
    tell(lane, complete.key, 0.9, COMPLETE)
    tell(lane, complete.key, None, FAIL, "late")
    tell(lane, failed.key, None, FAIL, "second")
    tell(lane, failed.key, 0.9, COMPLETE)
    assert [
        (each.state, each.value, each.user_attrs) for each in lane.search.study.trials
    ] == before


def test_a_job_that_has_ended_elsewhere_need_not_go_on(lane: ArchitectureSearch):
    job = take(lane)
    tell(lane, job.key, 0.5, COMPLETE)
    assert not report(lane, job.key, 4, 0.9)
    assert lane.search.study.trials[0].intermediate_values == {}


def test_a_variant_follows_the_settings_that_won(
    experiment: Experiment, open_lane: Any, changed: Any
):
    """Its own search is one trial at these, begun when the architecture's search is over."""
    given = changed(experiment, variants={"unet-narrow": {"of": "unet", "width": 0.05}})
    base = open_lane(given)
    variant = open_lane(given, "unet-narrow", base=base)
    assert variant.next(worker(variant)) is None
    assert not variant.done()
    jobs = finish_search(base, 0.2, 0.6, 0.4)
    assert variant.suggester.budget() == 1
    trial = take(variant)
    assert trial.key == JobKey("trial", "unet-narrow", 0)
    assert trial.settings.learning_rate == jobs[1].settings.learning_rate
    assert trial.settings.batch_size == jobs[1].settings.batch_size
    tell(variant, trial.key, 0.3, COMPLETE)
    finals, of_base = finish_finals(variant), finish_finals(base)
    assert [job.seed for job in finals] == [job.seed for job in of_base]
    assert finals[0].settings == of_base[0].settings
    assert variant.done()


def test_a_variant_of_an_architecture_without_a_winner_is_over(
    experiment: Experiment, open_lane: Any, changed: Any
):
    given = changed(experiment, variants={"unet-narrow": {"of": "unet", "width": 0.05}})
    base = open_lane(given)
    variant = open_lane(given, "unet-narrow", base=base)
    finish_search(base, None, None, None)
    assert variant.next(worker(variant)) is None
    assert variant.done()
