"""The keys of a study's cost: a budget that cannot work is refused when the file is read."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import Experiment


def experiment(budget: Any = None, **resources: Any) -> Experiment:
    content = {"name": "costly", "search": {"budget": budget}, "resources": resources}
    return Experiment.model_validate(content)


def test_a_budget_of_any_keys_is_accepted_and_changes_no_name():
    prices, power = {"gpu_hour": 3, "kwh": 0.3}, {"cpu": 10, "gpu": 300}
    limits = {"cpu_hours": 9, "gpu_hours": 8, "kwh": 3, "money": 20}
    found = experiment(limits, gpus=1, prices=prices, power=power)
    assert found.search.budget is not None
    assert found.search.budget.limits == limits
    assert found.study == experiment().study
    assert experiment({"cpu_hours": 1}).study == experiment().study
    assert "budget" not in experiment().as_yaml()
    assert Experiment.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("budget", "resources", "words"),
    [
        ({}, {}, "at least one of cpu_hours, gpu_hours, kwh, money"),
        ({"cpu_hours": 0}, {}, "greater than 0"),
        ({"gpu_hours": 8}, {}, "workers use no GPU (resources.gpus is 0)"),
        ({"money": 20}, {}, "search.budget.money requires the prices"),
        ({"money": 20}, {"prices": {"gpu_hour": 3}}, "requires the prices of what workers use"),
        ({"kwh": 3}, {}, "search.budget.kwh requires resources.power.cpu, in watts"),
        ({"kwh": 3}, {"gpus": 1, "power": {"cpu": 9}}, "requires resources.power.gpu"),
        ({"money": 3}, {"prices": {"kwh": 1}}, "search.budget.money requires resources.power.cpu"),
        ({"hours": 3}, {}, "Extra inputs are not permitted"),
        ({"kwh": float("inf")}, {"power": {"cpu": 9}}, "finite number"),
    ],
)
def test_a_budget_that_cannot_be_counted_is_refused(budget: Any, resources: Any, words: str):
    with pytest.raises(ValidationError) as raised:
        experiment(budget, **resources)
    assert words in str(raised.value)


def test_a_machine_that_was_measured_may_use_a_gpu():
    """`faceseg tune-machine` has stored what its workers use."""
    assert experiment({"gpu_hours": 8}, measured=True).search.budget
