"""A search that is opened again on the same database resumes, and may be extended."""

from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.architecture_search import ArchitectureSearch

from .steps import COMPLETE, PRUNED, complete_finals, end, next_job, take, winner_digest, worker_of


def score(job: Job) -> float:
    """Return a synthetic score, highest at learning rate 0.002 and batch size 16."""
    settings = job.settings
    return 1 / (1 + abs(settings.learning_rate / 0.002 - 1)) / (1 + (settings.batch_size != 16))


def run_search(search: ArchitectureSearch) -> list[dict[str, Any]]:
    """Run the whole search; return the parameters of its trials."""
    while (job := take(search)).key.kind == "trial":
        end(search, job.key, score(job), COMPLETE)
    end(search, job.key, 0.5, COMPLETE)
    return [trial.params for trial in search.trials.study.trials]


@pytest.fixture
def longer(experiment: Experiment, changed: Any) -> Experiment:
    found: Experiment = changed(experiment, search={"trials": 7, "random_trials": 3})
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_suggests_the_same(
    sampler: str, longer: Experiment, open_search: Any, changed: Any, second_storage: Any
):
    experiment = changed(longer, search={"sampler": sampler})
    suggested = run_search(open_search(experiment))
    assert len({trial["learning_rate"] for trial in suggested}) == 7
    assert run_search(open_search(second_storage(experiment))) == suggested


def test_another_seed_or_architecture_suggests_other_parameters(
    longer: Experiment, open_search: Any, changed: Any
):
    suggested = run_search(open_search(longer))
    assert run_search(open_search(changed(longer, seed=6))) != suggested
    assert run_search(open_search(longer, "segnet")) != suggested


def test_a_search_opened_before_every_trial_suggests_the_same(
    longer: Experiment, open_search: Any, second_storage: Any
):
    """The sampler's state ends with its process; its seed is derived from the database."""
    elsewhere = second_storage(longer)
    for _ in range(7):
        search = open_search(elsewhere)
        job = take(search)
        end(search, job.key, score(job), COMPLETE)
    again = [trial.params for trial in search.trials.study.trials]
    assert again == run_search(open_search(longer))


def test_running_trials_are_assigned_again_before_new_ones(
    experiment: Experiment, open_search: Any
):
    search = open_search(experiment)
    running = [take(search), take(search)]
    search.report(worker_of(search), running[0].key, 1, 0.25)
    reopened = open_search(experiment)
    again = [take(reopened), take(reopened)]
    assert [job.key for job in again] == [job.key for job in running]
    assert [job.settings for job in again] == [job.settings for job in running]
    assert [job.seed for job in again] == [job.seed for job in running]
    assert [job.attempt for job in again] == [2, 2]
    assert reopened.trials.study.trials[0].intermediate_values == {1: 0.25}
    assert take(reopened).key.number == 2  # the budget continues, it does not start again
    assert next_job(reopened) is None


def test_running_finals_are_assigned_again(experiment: Experiment, open_search: Any):
    search = open_search(experiment)
    for value in (0.1, 0.3, 0.2):
        end(search, take(search).key, value, COMPLETE)
    final = take(search)
    reopened = open_search(experiment)
    assert not reopened.done()
    again = take(reopened)
    assert (again.key, again.seed, again.settings) == (final.key, final.seed, final.settings)
    assert again.attempt == 2
    second = take(reopened)
    assert second.key.number == 1
    assert next_job(reopened) is None


@pytest.fixture
def finished(experiment: Experiment, open_search: Any) -> ArchitectureSearch:
    """A search without jobs left; its winner is trial 1."""
    search: ArchitectureSearch = open_search(experiment)
    for value in (0.1, 0.3, 0.2):
        end(search, take(search).key, value, COMPLETE)
    for _ in range(2):
        end(search, take(search).key, 0.3, COMPLETE)
    assert search.done()
    return search


def test_a_finished_search_opened_again_has_no_jobs(
    finished: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    again = open_search(experiment)
    assert next_job(again) is None
    assert again.done()
    assert complete_finals(again) == 2
    assert winner_digest(again) == winner_digest(finished)


def test_a_larger_budget_continues_the_search(
    finished: ArchitectureSearch, experiment: Experiment, open_search: Any, changed: Any
):
    more = open_search(changed(experiment, search={"trials": 5}))
    assert not more.done()
    jobs = [take(more), take(more)]
    assert [job.key.number for job in jobs] == [3, 4]
    for job in jobs:
        end(more, job.key, 0.25, COMPLETE)
    assert more.trials.best().number == 1
    assert next_job(more) is None  # the winner's finals exist
    assert more.done()


def test_another_winner_gets_new_finals(
    finished: ArchitectureSearch, experiment: Experiment, open_search: Any, changed: Any
):
    before = winner_digest(finished)
    more = open_search(changed(experiment, search={"trials": 4}))
    end(more, take(more).key, 0.9, COMPLETE)
    finals = [take(more), take(more)]
    assert [job.key.number for job in finals] == [0, 1]
    assert {job.key.winner for job in finals} == {winner_digest(more)}
    assert winner_digest(more) != before
    assert {job.attempt for job in finals} == {1}


def test_more_seeds_add_finals_to_the_existing_ones(
    finished: ArchitectureSearch, experiment: Experiment, open_search: Any, changed: Any
):
    more = open_search(changed(experiment, finals={"seeds": 3}))
    assert not more.done()
    final = take(more)
    assert (final.key.kind, final.key.number) == ("final", 2)
    assert next_job(more) is None


def test_a_smaller_budget_than_was_used_adds_nothing(
    finished: ArchitectureSearch, experiment: Experiment, open_search: Any, changed: Any
):
    less = open_search(changed(experiment, search={"trials": 1}, finals={"seeds": 1}))
    assert next_job(less) is None
    assert less.done()


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_a_job_that_reports_its_epochs_again_gets_the_same_directives(
    pruner: str, experiment: Experiment, open_search: Any, changed: Any
):
    """Its worker died before the checkpoint of the last epoch, or before it recorded the end."""
    experiment = changed(experiment, search={"pruner": pruner, "trials": 9, "reduction_factor": 2})
    pruned = 0
    for number in range(9):
        search = open_search(experiment)
        job, value = take(search), 0.9 - 0.1 * number
        directives: list[str] = []
        while len(directives) < 6 and "prune" not in directives:
            epoch = len(directives) + 1
            directives.append(search.report(worker_of(search), job.key, epoch, value))
        again = open_search(experiment)
        assert take(again).key == job.key
        assert directives == [
            again.report(worker_of(again), job.key, epoch, value)
            for epoch in range(1, len(directives) + 1)
        ]
        pruned += "prune" in directives
        end(again, job.key, value, PRUNED if "prune" in directives else COMPLETE)
    assert pruned
