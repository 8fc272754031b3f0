"""Searches with several goals on a real Optuna database: values, winners, samplers, resuming."""

import math
from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.goal_values import GOALS
from pipelines.search.job_outcome import JobOutcome

from .steps import COMPLETE, PRUNED, take, worker_of

TWO = ["val/iou", "model/macs", "occlusion/retention"]
WIDTH = {"width": {"choices": [0.25, 0.5, 1]}}


@pytest.fixture
def opened(experiment: Experiment, open_search: Any, changed: Any) -> Any:
    def opener(goals: list[str] = TWO, **search: Any) -> ArchitectureSearch:
        values = {"goals": goals, "space": WIDTH, **search}
        found: ArchitectureSearch = open_search(changed(experiment, search=values))
        return found

    return opener


def run_trial(
    search: ArchitectureSearch, score: float, macs: float = 1e6, retention: float = 0.5
) -> str:
    """Take a trial, report its costs and three epochs, and end it; return how it ended."""
    job, worker = take(search), worker_of(search)
    assert job.key.kind == "trial"
    costs = {"model/macs": macs, "model/parameters": 10.0}
    search.note_costs(worker, job.key, costs)
    directives = [search.report(worker, job.key, epoch, score) for epoch in (1, 2, 3)]
    values = {"val/iou": score, "model/macs": macs, "occlusion/retention": retention}
    pruned = "prune" in directives
    search.end(job.key, JobOutcome(value=score, pruned=pruned, goals=values))
    return search.trials.find(job.key.number).state.name


def test_a_complete_trial_has_a_value_for_each_goal_by_name(opened: Any):
    search = opened()
    run_trial(search, 0.5, 2e6, 0.8)
    (trial,) = search.trials.complete()
    assert trial.values == [0.5, 2e6, 0.8]
    assert search.trials.study.metric_names == TWO
    assert [each.name for each in search.trials.study.directions] == [
        *("MAXIMIZE", "MINIMIZE", "MAXIMIZE")
    ]


def test_an_undefined_retention_counts_as_none(opened: Any):
    search = opened()
    run_trial(search, 0.5, retention=math.nan)
    assert search.trials.complete()[0].values == [0.5, 1e6, 0.0]


def test_the_winner_has_the_best_score_within_the_bounds(opened: Any):
    search = opened(["val/iou", "occlusion/retention >= 0.6"])
    for score, retention in ((0.9, 0.5), (0.7, 0.6), (0.6, 0.9)):
        run_trial(search, score, retention=retention)
    assert search.trials.best().values == [0.7]
    assert [trial.constraints for trial in search.trials.all()] == [
        {"occlusion/retention >= 0.6": pytest.approx(1 / 6)},
        {"occlusion/retention >= 0.6": 0},
        {"occlusion/retention >= 0.6": 0},
    ]
    assert take(search).key.kind == "final"


def test_a_search_whose_trials_are_all_beyond_a_bound_ends_with_the_reason(opened: Any):
    search = opened(["val/iou", "occlusion/retention >= 0.95"])
    for retention in (0.5, 0.9, 0.7):
        run_trial(search, 0.5, retention=retention)
    assert search.done()
    (reason,) = search.failure_reasons()
    assert "keeps to occlusion/retention >= 0.95" in reason
    assert "the nearest has occlusion/retention 0.9" in reason


def test_a_bound_that_no_network_keeps_is_the_reason_though_all_trials_are_pruned(opened: Any):
    search = opened(["val/iou", "model/macs <= 1e3"], pruner="halving", grace_epochs=1)
    while not search.done():
        assert run_trial(search, 0.5, macs=1e6) == "PRUNED"
    assert (
        "no trial keeps to model/macs <= 1000; the nearest has model/macs 1e+06"
        in (search.failure_reasons()[0])
    )


def test_a_bound_does_not_choose_a_variant(experiment: Experiment, open_search: Any, changed: Any):
    given = changed(
        experiment,
        search={"goals": ["val/iou", "model/macs <= 1e6"], "space": WIDTH},
        variants={"unet-wide": {"of": "unet", "width": 2}},
    )
    base = open_search(given)
    for _ in range(given.search.trials):
        run_trial(base, 0.5)
    variant = open_search(given, "unet-wide", base=base)
    trial = take(variant)
    variant.end(trial.key, JobOutcome(value=0.4, goals={"val/iou": 0.4, "model/macs": 1e9}))
    assert take(variant).key.kind == "final"


def test_dominated_trials_are_pruned_and_the_samplers_go_on(opened: Any):
    search = opened(pruner="halving", grace_epochs=1, random_trials=0, trials=4)
    states = [run_trial(search, 0.9 - 0.1 * number, 1e6) for number in range(4)]
    assert states == ["COMPLETE", *["PRUNED"] * 3]
    first, *others = search.trials.all()
    assert first.constraints == {}
    assert {trial.constraints["pruned"] for trial in others} == {1 / 4}  # after three epochs
    assert GOALS in others[0].user_attrs


def test_a_cheaper_network_is_not_pruned(opened: Any):
    search = opened(pruner="halving", grace_epochs=1)
    assert [run_trial(search, 0.9, 9e6), run_trial(search, 0.2, 1e6)] == ["COMPLETE"] * 2


def test_a_decision_is_the_same_after_a_restart(opened: Any):
    search = opened(pruner="halving", grace_epochs=1)
    run_trial(search, 0.9)
    job = take(search)
    search.note_costs(worker_of(search), job.key, {"model/macs": 1e6})
    assert search.report(worker_of(search), job.key, 1, 0.1) == "prune"
    again = opened(pruner="halving", grace_epochs=1)
    assert take(again).key == job.key
    again.note_costs(worker_of(again), job.key, {"model/macs": 1e6})
    assert again.report(worker_of(again), job.key, 1, 0.1) == "prune"
    again.end(job.key, JobOutcome(value=0.1, pruned=True, goals={"model/macs": 1e6}))
    assert again.trials.find(job.key.number).state == PRUNED


def test_costs_of_a_worker_that_lost_its_lease_are_not_stored(opened: Any):
    search = opened()
    job = take(search)
    search.note_costs("other/worker-1", job.key, {"model/macs": 1e6})
    assert "costs" not in search.trials.find(job.key.number).user_attrs


@pytest.mark.parametrize("sampler", ["tpe", "nsga3"])
def test_every_sampler_suggests_valid_trials_and_the_same_after_a_restart(
    sampler: str,
    experiment: Experiment,
    second_storage: Any,
    changed: Any,
    open_search: Any,
):
    given = {"sampler": sampler, "goals": TWO, "space": WIDTH, "random_trials": 2, "trials": 5}
    straight = open_search(changed(experiment, search=given))
    for number in range(5):
        run_trial(straight, 0.1 * number, 1e6 * (number % 3 + 1))
    second = changed(second_storage(experiment), search=given)
    again = open_search(second)
    for number in range(5):
        again = open_search(second) if number == 3 else again
        run_trial(again, 0.1 * number, 1e6 * (number % 3 + 1))
    params = [trial.params for trial in straight.trials.all()]
    assert params == [trial.params for trial in again.trials.all()]
    assert {each["width"] for each in params} <= {0.25, 0.5, 1.0}
    assert len({each["learning_rate"] for each in params}) > 1  # NSGA-III repeats values
    assert all(trial.state == COMPLETE for trial in straight.trials.all())


def test_nsga3_leaves_out_batch_sizes_that_ran_out_of_memory(opened: Any):
    search = opened(sampler="nsga3", random_trials=2, trials=7)
    for number in range(3):
        run_trial(search, 0.1 * number)
    job = take(search)
    while job.settings.batch_size == 8:
        search.end(job.key, JobOutcome(value=0.1, goals={"model/macs": 1e6}))
        job = take(search)
    outcome = JobOutcome(value=None, reason="memory", out_of_memory=True)
    search.end(job.key, outcome)
    while (job := take(search)).key.kind == "trial":
        assert job.settings.batch_size < 32
        search.end(job.key, JobOutcome(value=0.1, goals={"model/macs": 1e6}))
