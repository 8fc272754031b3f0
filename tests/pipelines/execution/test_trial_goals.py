"""What a trial reports of its goals: costs before the training, scores of the best epoch after."""

import math
from typing import Any

import keras
import pytest

from faceseg.training.loop import Epoch, TrainingOutcome
from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.execution.trial_goals import goal_values, known_costs
from pipelines.job.job import Job, JobKey, JobKind

HISTORY = tuple(
    Epoch(number=number, time=0.0, metrics={"val/iou": iou, "val/dice": dice})
    for number, iou, dice in ((1, 0.2, 0.3), (2, 0.5, 0.6), (3, 0.4, 0.9))
)
OUTCOME = TrainingOutcome(stop_reason="complete", history=HISTORY, best_epoch=2, best_iou=0.5)
AFTER = {"best/val_iou": 0.5, "model/macs": 7.0}


def experiment(*goals: str) -> Experiment:
    return Experiment.model_validate({"name": "x", "search": {"goals": goals}})


def job(kind: JobKind = "trial") -> Job:
    key = JobKey(kind=kind, architecture="unet", number=0)
    return Job(key=key, study="x", seed=0, attempt=1, settings=TrainingSettings())


@pytest.fixture(scope="module")
def network() -> Any:
    """A convolution of 3 x 3 x 3 x 2 weights and 2 biases on 4 x 4 positions."""
    return keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3, padding="same")])


def test_costs_are_known_before_the_training(network: Any):
    costs = known_costs(experiment("val/iou", "model/macs"), job(), network)
    assert costs == {"model/macs": 16 * 54, "model/parameters": 56}


def test_scores_are_those_of_the_best_epoch_and_unlogged_values_are_nan():
    goals = ("val/iou", "val/dice", "model/macs <= 9", "occlusion/retention")
    found = goal_values(experiment(*goals), job(), OUTCOME, AFTER)
    assert math.isnan(found.pop("occlusion/retention"))
    assert found == {"val/iou": 0.5, "val/dice": 0.6, "model/macs": 7.0}


def test_finals_and_searches_without_goals_report_nothing(network: Any):
    with_goals = experiment("val/iou", "model/macs")
    for given, each in ((with_goals, job("final")), (experiment(), job())):
        assert known_costs(given, each, network) == {}
        assert goal_values(given, each, OUTCOME, AFTER) == {}
