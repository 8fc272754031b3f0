"""Goals of a search: directions, bounds, and values that no trial logs."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import Experiment
from pipelines.config.goals import Goal, Goals, parse_goals


def experiment(**search: Any) -> Experiment:
    return Experiment.model_validate({"name": "x", "search": search})


def parsed(*texts: str) -> Goals:
    goals = experiment(goals=texts).search.parsed_goals
    assert goals is not None
    return goals


def test_known_values_have_a_direction_and_the_score_comes_first():
    goals = parsed("model/macs", "occlusion/retention", "val/iou", "val/recall/nose")
    assert goals.objectives == (
        Goal("val/iou", "maximize"),
        Goal("model/macs", "minimize"),
        Goal("occlusion/retention", "maximize"),
        Goal("val/recall/nose", "maximize"),
    )
    assert goals.bounds == ()


def test_a_bound_replaces_the_direction():
    goals = parsed("val/iou", "model/macs <= 1e9", "occlusion/retention>=0.8")
    assert goals.objectives == (Goal("val/iou", "maximize"),)
    assert goals.bounds == (
        Goal("model/macs", "minimize", 1e9),
        Goal("occlusion/retention", "maximize", 0.8),
    )
    assert goals.are_kept({"model/macs": 1e9, "occlusion/retention": 0.8})
    assert goals.are_kept({})  # nothing is known yet
    assert not goals.are_kept({"model/macs": 1.1e9})
    assert not goals.are_kept({"occlusion/retention": math.nan})
    found = goals.violations({"model/macs": 1.5e9, "occlusion/retention": 0.6})
    assert found["model/macs <= 1e+09"] == pytest.approx(0.5)  # relative to the bound
    assert found["occlusion/retention >= 0.8"] == pytest.approx(0.25)


def test_other_values_need_a_written_direction():
    assert parsed("val/iou", "minimize best/epoch").objectives[1] == Goal("best/epoch", "minimize")
    with pytest.raises(ValidationError, match="write `maximize best/epoch` or `minimize"):
        experiment(goals=["val/iou", "best/epoch"])


def test_losses_are_smaller_for_better_values():
    goals = parsed("val/iou", "model/macs", "occlusion/retention")
    better = goals.losses({"val/iou": 0.8, "model/macs": 1e6, "occlusion/retention": 0.9})
    undefined = goals.losses({"val/iou": 0.8, "model/macs": 1e6, "occlusion/retention": math.nan})
    assert better == [-0.8, 1e6, -0.9]
    assert undefined == [-0.8, 1e6, 0]


@pytest.mark.parametrize(
    ("goals", "words"),
    [
        (["model/macs"], "val/iou must be a goal without a bound"),
        (["val/iou >= 0.5"], "val/iou must be a goal without a bound"),
        (["minimize val/iou"], "val/iou is to maximize, not to minimize"),
        (["val/iou", "val/iou"], "val/iou is there twice"),
        (["val/iou", "model/mac"], "did you mean 'model/macs'"),
        (["val/iou", "latency/p50_ms"], "the latency is measured on finals"),
        (["val/iou", "test/iou"], "never uses the test images"),
        (["val/iou", "occlusion/fog/retention"], "no trial logs 'occlusion/fog/retention'"),
        (["val/iou", "val/iou/tail"], "no trial logs"),
        (["val/iou", "model/macs <= much"], "has no number after <="),
        (["val/iou", "model/macs <= nan"], "has no number after <="),
        (["val/iou", "minimize model/macs <= 1e9"], "has a direction and a bound"),
        (["val/iou", ""], "is no goal"),
        (["val/iou"] * 9, "at most 8 items"),
    ],
)
def test_what_cannot_be_a_goal_is_named(goals: list[str], words: str):
    with pytest.raises(ValidationError, match=words):
        experiment(goals=goals)


def test_kinds_that_trials_are_not_evaluated_under_are_no_goals():
    content = {
        "name": "x",
        "search": {"goals": ["val/iou", "occlusion/retention"]},
        "robustness": {"kinds": []},
    }
    with pytest.raises(ValidationError, match="no trial logs 'occlusion/retention'"):
        Experiment.model_validate(content)


def test_nsga3_requires_two_goals():
    assert experiment(sampler="nsga3", goals=["val/iou", "model/macs"]).search.sampler == "nsga3"
    for goals in ([], ["val/iou", "model/macs <= 1e9"]):
        with pytest.raises(ValidationError, match="nsga3 requires two goals"):
            experiment(sampler="nsga3", goals=goals)


def test_a_search_without_goals_has_none_and_its_dump_too():
    assert parse_goals(()) is None
    assert "goals" not in experiment().search.model_dump()
    assert experiment(goals=["val/iou", "model/macs"]).study != experiment().study
