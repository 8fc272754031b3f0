"""The jobs of one architecture on a real Optuna database: suggestions, ends, winners, finals."""

import math
from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import JobKey, derive_seed
from pipelines.search.architecture_search import ArchitectureSearch

from .steps import (
    COMPLETE,
    FAIL,
    PRUNED,
    complete_finals,
    end,
    finish_finals,
    finish_search,
    next_job,
    take,
    winner_digest,
    worker_of,
)

FIRST = [{"learning_rate": 0.003, "batch_size": 16.0}, {"learning_rate": 0.0005}]


def report(search: ArchitectureSearch, key: JobKey, epoch: int, value: float) -> bool:
    return search.report(worker_of(search), key, epoch, value) == "continue"


@pytest.fixture
def search(experiment: Experiment, open_search: Any) -> ArchitectureSearch:
    opened: ArchitectureSearch = open_search(experiment)
    return opened


def test_the_first_points_are_tried_first_and_in_order(
    experiment: Experiment, open_search: Any, changed: Any
):
    for architecture in ("unet", "segnet"):
        search = open_search(changed(experiment, search={"first": FIRST}), architecture)
        first, second, third = finish_search(search, 0.1, 0.2, 0.3)
        assert (first.settings.learning_rate, first.settings.batch_size) == (0.003, 16)
        assert second.settings.learning_rate == 0.0005
        assert third.settings.learning_rate not in (0.003, 0.0005)


def test_first_points_are_queued_once_however_often_a_search_is_opened(
    experiment: Experiment, open_search: Any, changed: Any
):
    experiment = changed(experiment, search={"first": FIRST, "trials": 1})
    for _ in range(3):
        search = open_search(experiment)
    assert search.trials.count() == {"waiting": 2}
    finish_search(search, 0.1)
    assert take(search).key.kind == "final"  # a point beyond the budget is never tried


def test_a_job_contains_all_that_a_worker_needs(search: ArchitectureSearch, experiment: Experiment):
    job = take(search)
    assert (job.study, job.attempt) == (experiment.study, 1)
    assert (job.key.architecture, job.key.number, job.key.winner) == ("unet", 0, "")
    assert job.seed == derive_seed(5, "unet", 0)
    assert job.settings.epochs == 6
    assert 1e-4 <= job.settings.learning_rate <= 1e-2
    assert job.settings.batch_size in (8, 16, 32)


def test_the_winner_is_the_best_completed_trial_and_of_equals_the_first(search: ArchitectureSearch):
    first = take(search)
    report(search, first.key, 1, 0.99)
    end(search, first.key, 0.99, PRUNED)
    finish_search(search, 0.4, 0.4)
    assert search.trials.best().number == 1
    assert search.trials.count() == {"pruned": 1, "complete": 2}


def test_finals_start_only_after_the_whole_search(search: ArchitectureSearch):
    jobs = [take(search) for _ in range(3)]
    assert next_job(search) is None
    for job in jobs[:2]:
        end(search, job.key, 0.3, COMPLETE)
        assert next_job(search) is None
        assert not search.done()
    end(search, jobs[2].key, 0.7, COMPLETE)
    final = take(search)
    assert final.key.kind == "final"
    assert final.settings == jobs[2].settings.model_copy(update={"epochs": 9})


def test_there_is_one_final_per_seed_and_all_architectures_have_the_same_seeds(
    experiment: Experiment, open_search: Any
):
    seeds = {}
    for architecture in ("unet", "pspnet", "segnet"):
        search = open_search(experiment, architecture)
        finish_search(search, 0.2, 0.5, 0.3)
        assert not search.done()
        finals = finish_finals(search)
        assert search.done()
        assert complete_finals(search) == 2
        assert [job.key.number for job in finals] == [0, 1]
        assert {job.key.winner for job in finals} == {winner_digest(search)}
        seeds[architecture] = [job.seed for job in finals]
    assert seeds["unet"] == seeds["pspnet"] == seeds["segnet"]
    assert len(set(seeds["unet"])) == 2


def test_a_final_without_a_length_of_its_own_is_as_long_as_a_trial(
    experiment: Experiment, open_search: Any, changed: Any
):
    search = open_search(changed(experiment, finals={"epochs": None}))
    finish_search(search, 0.2, 0.5, 0.3)
    assert take(search).settings.epochs == 6


def test_a_search_without_a_complete_trial_ends_and_returns_the_reasons(search: ArchitectureSearch):
    jobs = [take(search) for _ in range(3)]
    for job, reason in zip(jobs, ("a", "b", "a"), strict=True):
        end(search, job.key, None, FAIL, reason)
    assert next_job(search) is None
    assert search.done()
    assert search.trials.best() is None
    assert search.failure_reasons() == ["a", "b"]


def test_an_epoch_reported_again_is_not_stored_again(search: ArchitectureSearch):
    job = take(search)
    for epoch, value in ((1, 0.1), (2, 0.2), (1, 0.9), (2, 0.9), (3, 0.3)):
        assert report(search, job.key, epoch, value)
    stored = search.trials.study.trials[0].intermediate_values
    assert stored == {1: 0.1, 2: 0.2, 3: 0.3}


def test_a_nan_score_counts_as_zero(search: ArchitectureSearch):
    """A validation split without foreground has the score NaN, which Optuna does not accept."""
    job = take(search)
    assert report(search, job.key, 1, math.nan)
    end(search, job.key, math.nan, COMPLETE)
    finish_search(search, 0.2, 0.1)
    trial = search.trials.study.trials[0]
    assert (trial.state, trial.value, trial.intermediate_values) == (COMPLETE, 0.0, {1: 0.0})
    assert search.trials.best().number == 1


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_trials_are_pruned_only_after_the_grace_epochs(
    pruner: str, experiment: Experiment, open_search: Any, changed: Any
):
    """Each trial is worse than the one before: all but the first may be pruned, at epoch 3 or 6."""
    search = open_search(
        changed(experiment, search={"pruner": pruner, "trials": 9, "reduction_factor": 2})
    )
    stopped = []
    for number in range(9):
        job = take(search)
        for epoch in range(1, 7):
            if not report(search, job.key, epoch, 0.9 - 0.1 * number):
                stopped.append(epoch)
                end(search, job.key, None, PRUNED)
                break
        else:
            end(search, job.key, 0.9 - 0.1 * number, COMPLETE)
    assert stopped
    assert min(stopped) >= 3
    assert search.trials.best().number == 0


@pytest.mark.parametrize("pruner", ["halving", "hyperband", "none"])
def test_a_grace_longer_than_a_trial_prunes_nothing(
    pruner: str, experiment: Experiment, open_search: Any, changed: Any
):
    search = open_search(changed(experiment, search={"pruner": pruner, "grace_epochs": 7}))
    for number in range(3):
        job = take(search)
        assert all(report(search, job.key, epoch, 0.9 - 0.3 * number) for epoch in range(1, 7))
        end(search, job.key, 0.9 - 0.3 * number, COMPLETE)


def test_finals_are_never_pruned(experiment: Experiment, open_search: Any, changed: Any):
    search = open_search(changed(experiment, search={"pruner": "halving", "grace_epochs": 1}))
    finish_search(search, 0.9, 0.8, 0.7)
    for number in range(2):
        job = take(search)
        assert all(report(search, job.key, epoch, 0.9 - 0.5 * number) for epoch in range(1, 10))


def test_ending_a_job_twice_changes_nothing(search: ArchitectureSearch):
    complete, failed = take(search), take(search)
    end(search, complete.key, 0.5, COMPLETE)
    end(search, failed.key, None, FAIL, "first")
    before = [(each.state, each.value, each.user_attrs) for each in search.trials.study.trials]
    end(search, complete.key, 0.9, COMPLETE)
    end(search, complete.key, None, FAIL, "late")
    end(search, failed.key, None, FAIL, "second")
    end(search, failed.key, 0.9, COMPLETE)
    assert [
        (each.state, each.value, each.user_attrs) for each in search.trials.study.trials
    ] == before


def test_a_report_of_an_ended_job_is_not_stored(search: ArchitectureSearch):
    job = take(search)
    end(search, job.key, 0.5, COMPLETE)
    assert not report(search, job.key, 4, 0.9)
    assert search.trials.study.trials[0].intermediate_values == {}
