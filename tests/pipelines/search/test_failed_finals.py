"""Finals that failed: the next session of the same study tries them again, once each."""

from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.derived_models import complete_numbers
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.worker_death import MemoryPressure, WorkerDeath

from .steps import FAIL, complete_finals, end, finish_finals, finish_search, next_job, take

FILLED = WorkerDeath(description="Ray killed it", memory=MemoryPressure(own=12.0, used=16.0))


@pytest.fixture
def search(experiment: Experiment, open_search: Any) -> ArchitectureSearch:
    """A search whose first final has failed and whose second is complete."""
    found: ArchitectureSearch = open_search(experiment, session="first")
    finish_search(found, 0.2, 0.5, 0.3)
    end(found, take(found).key, None, FAIL, "a stray file")
    end(found, take(found).key, 0.5)
    return found


def test_a_failed_final_is_not_tried_again_in_its_own_session(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    restarted = open_search(experiment, session="first")  # Ray restarts the coordinator
    for each in (search, restarted):
        assert next_job(each) is None
        assert each.done()
        assert each.failure_reasons() == ["a stray file"]


def test_a_failed_final_is_tried_again_in_the_next_session(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    again = open_search(experiment, session="second")
    assert open_search(experiment, session="second").finals() is not None
    assert not again.done()
    final = take(again)
    assert (final.key.kind, final.key.number, final.attempt) == ("final", 0, 2)
    assert next_job(again) is None
    for _ in range(2):
        assert again.report("second/worker-1", final.key, 1, 0.4) == "continue"
    assert again.job_of("second/worker-1") == final
    end(again, final.key, 0.6)
    assert again.done()
    assert complete_finals(again) == 2
    assert again.failure_reasons() == []
    assert open_search(experiment, session="third").done()


def test_a_final_that_fails_again_is_tried_again_in_each_session(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    for attempt in (2, 3, 4):
        again = open_search(experiment)
        final = take(again)
        assert (final.key.number, final.attempt) == (0, attempt)
        end(again, final.key, None, FAIL, "the file is still there")
        assert again.done()
        assert again.failure_reasons() == ["the file is still there"]


def test_finals_have_the_same_seeds_after_a_retry(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any, changed: Any
):
    """New finals are added after the retried one: the seed belongs to the final's number."""
    more = changed(experiment, finals={"seeds": 4})
    other = open_search(more, "segnet")
    finish_search(other, 0.2, 0.5, 0.3)
    seeds = {job.key.number: job.seed for job in finish_finals(other)}
    jobs = finish_finals(open_search(more))
    assert [job.key.number for job in jobs] == [0, 2, 3]
    assert {job.key.number: job.seed for job in jobs} == {n: seeds[n] for n in (0, 2, 3)}
    assert complete_finals(open_search(more)) == 4


def test_a_final_whose_settings_are_the_cause_is_not_tried_again(
    experiment: Experiment, open_search: Any
):
    """Its loss would not be finite at the same step."""
    search = open_search(experiment)
    finish_search(search, 0.2, 0.5, 0.3)
    for _ in range(2):
        outcome = JobOutcome(value=None, reason="the loss is not finite", own_fault=True)
        search.end(take(search).key, outcome)
    again = open_search(experiment)
    assert next_job(again) is None
    assert again.done()
    assert again.failure_reasons() == ["the loss is not finite"]


def test_a_final_that_an_earlier_version_recorded_as_failed_is_tried_again(
    experiment: Experiment, open_search: Any
):
    """It stored the reason only."""
    search = open_search(experiment)
    finish_search(search, 0.2, 0.5, 0.3)
    number = search.finals().ask({}).number
    search.finals().tell(number, None, FAIL, "out of memory at batch size 16")
    assert take(open_search(experiment)).key.number == number


def test_a_final_whose_worker_was_killed_for_the_memory_is_retried(
    experiment: Experiment, open_search: Any
):
    """Its batch size was trained in the search, so another program filled the memory."""
    search = open_search(experiment, session="s")
    for _ in range(3):
        job = take(search)
        search.report("s/worker-1", job.key, 1, 0.5)
        end(search, job.key, 0.5)
    final = take(search)
    for attempt in (2, 3):
        search.release("s/worker-1", FILLED)
        again = take(search)
        assert (again.key, again.attempt) == (final.key, attempt)
    search.release("s/worker-1", FILLED)
    ((job, reason),) = search.jobs_to_fail()
    assert job.key == final.key
    assert "its batch size is not the cause: free memory on the node" in reason


def test_an_ensemble_needs_the_final_of_every_member():
    """Final 1 of segnet is missing, and final 2 of all is beyond the seeds."""
    finals = {"unet": [0, 1, 2], "segnet": [0, 2], "unet-small": []}
    assert complete_numbers(finals, ["unet", "segnet"], seeds=2) == [0]
    assert complete_numbers(finals, ["unet", "unet-small"], seeds=2) == []
