"""A lane opened anew on the same database: what was running, what was asked, what is added."""

from typing import Any

import pytest
from optuna.trial import TrialState

from pipelines.config import Experiment
from pipelines.job.job import Job, JobKey
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.trials import JobOutcome

COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL


def worker(lane: ArchitectureSearch) -> str:
    return f"{lane.session}/worker-1"


def tell(
    lane: ArchitectureSearch, key: JobKey, value: float | None, state: TrialState, reason: str = ""
) -> None:
    lane.end(key, JobOutcome(value, state == TrialState.PRUNED, reason))


def take(lane: ArchitectureSearch) -> Job:
    job = lane.next(worker(lane))
    assert job is not None
    return job


def score(job: Job) -> float:
    """A made-up score with one best learning rate, 0.002, that likes batches of 16."""
    settings = job.settings
    return 1 / (1 + abs(settings.learning_rate / 0.002 - 1)) / (1 + (settings.batch_size != 16))


def search(lane: ArchitectureSearch) -> list[dict[str, Any]]:
    """Do the whole search; return what was asked."""
    while (job := take(lane)).key.kind == "trial":
        tell(lane, job.key, score(job), COMPLETE)
    tell(lane, job.key, 0.5, COMPLETE)
    return [trial.params for trial in lane.search.study.trials]


@pytest.fixture
def longer(experiment: Experiment, changed: Any) -> Experiment:
    found: Experiment = changed(experiment, search={"trials": 7, "random_trials": 3})
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_asks_the_same(
    sampler: str, longer: Experiment, open_lane: Any, changed: Any, second_storage: Any
):
    experiment = changed(longer, search={"sampler": sampler})
    asked = search(open_lane(experiment))
    assert len({trial["learning_rate"] for trial in asked}) == 7
    assert search(open_lane(second_storage(experiment))) == asked


def test_another_seed_and_another_architecture_ask_otherwise(
    longer: Experiment, open_lane: Any, changed: Any
):
    asked = search(open_lane(longer))
    assert search(open_lane(changed(longer, seed=6))) != asked
    assert search(open_lane(longer, "segnet")) != asked


def test_a_lane_opened_before_every_ask_asks_the_same(
    longer: Experiment, open_lane: Any, second_storage: Any
):
    """The sampler's state dies with its process; what it is seeded with does not."""
    elsewhere = second_storage(longer)
    for _ in range(7):
        lane = open_lane(elsewhere)
        job = take(lane)
        tell(lane, job.key, score(job), COMPLETE)
    again = [trial.params for trial in lane.search.study.trials]
    assert again == search(open_lane(longer))


def test_running_trials_are_handed_out_again_before_new_ones(
    experiment: Experiment, open_lane: Any
):
    lane = open_lane(experiment)
    running = [take(lane), take(lane)]
    lane.report(worker(lane), running[0].key, 1, 0.25)
    reopened = open_lane(experiment)
    again = [take(reopened), take(reopened)]
    assert [job.key for job in again] == [job.key for job in running]
    assert [job.settings for job in again] == [job.settings for job in running]
    assert [job.seed for job in again] == [job.seed for job in running]
    assert [job.attempt for job in again] == [2, 2]
    assert reopened.search.study.trials[0].intermediate_values == {1: 0.25}
    assert take(reopened).key.number == 2  # the budget is topped up, not started anew
    assert reopened.next(worker(reopened)) is None


def test_running_finals_are_handed_out_again(experiment: Experiment, open_lane: Any):
    lane = open_lane(experiment)
    for value in (0.1, 0.3, 0.2):
        tell(lane, take(lane).key, value, COMPLETE)
    final = take(lane)
    reopened = open_lane(experiment)
    assert not reopened.done()
    again = take(reopened)
    assert (again.key, again.seed, again.settings) == (final.key, final.seed, final.settings)
    assert again.attempt == 2
    second = take(reopened)
    assert second.key.number == 1
    assert reopened.next(worker(reopened)) is None


@pytest.fixture
def finished(experiment: Experiment, open_lane: Any) -> ArchitectureSearch:
    """A lane with nothing left to do; its winner is trial 1."""
    lane: ArchitectureSearch = open_lane(experiment)
    for value in (0.1, 0.3, 0.2):
        tell(lane, take(lane).key, value, COMPLETE)
    for _ in range(2):
        tell(lane, take(lane).key, 0.3, COMPLETE)
    assert lane.done()
    return lane


def test_a_finished_lane_opened_again_has_nothing_to_do(
    finished: ArchitectureSearch, experiment: Experiment, open_lane: Any
):
    again = open_lane(experiment)
    assert again.next(worker(again)) is None
    assert again.done()
    assert again.finals_done() == 2
    assert again.winner_digest() == finished.winner_digest()


def test_more_trials_go_on_from_where_the_search_was(
    finished: ArchitectureSearch, experiment: Experiment, open_lane: Any, changed: Any
):
    more = open_lane(changed(experiment, search={"trials": 5}))
    assert not more.done()
    jobs = [take(more), take(more)]
    assert [job.key.number for job in jobs] == [3, 4]
    for job in jobs:
        tell(more, job.key, 0.25, COMPLETE)
    assert more.winner().number == 1
    assert more.next(worker(more)) is None  # the winner's finals are there
    assert more.done()


def test_another_winner_has_finals_of_its_own(
    finished: ArchitectureSearch, experiment: Experiment, open_lane: Any, changed: Any
):
    before = finished.winner_digest()
    more = open_lane(changed(experiment, search={"trials": 4}))
    tell(more, take(more).key, 0.9, COMPLETE)
    finals = [take(more), take(more)]
    assert [job.key.number for job in finals] == [0, 1]
    assert {job.key.winner for job in finals} == {more.winner_digest()}
    assert more.winner_digest() != before
    assert {job.attempt for job in finals} == {1}


def test_more_seeds_add_finals_to_those_that_are_there(
    finished: ArchitectureSearch, experiment: Experiment, open_lane: Any, changed: Any
):
    more = open_lane(changed(experiment, finals={"seeds": 3}))
    assert not more.done()
    final = take(more)
    assert (final.key.kind, final.key.number) == ("final", 2)
    assert more.next(worker(more)) is None


def test_asking_for_less_than_is_there_does_nothing(
    finished: ArchitectureSearch, experiment: Experiment, open_lane: Any, changed: Any
):
    less = open_lane(changed(experiment, search={"trials": 1}, finals={"seeds": 1}))
    assert less.next(worker(less)) is None
    assert less.done()
