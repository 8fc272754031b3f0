"""Importances, the best score so far and range edges, on trials with known values."""

import math
from dataclasses import replace

import pytest

from pipelines.compare.analysis.search_importance import (
    MIN_TRIALS,
    best_so_far,
    importances,
    range_edge,
    summarise_searches,
)
from pipelines.compare.report.comparison_text import setting_table
from pipelines.compare.study_data.study_results import TrialRun, numeric_params
from pipelines.config.search_space import Choices, Range, SearchSpace
from tests.pipelines.compare import sample_values, simulated_study

SPACE = SearchSpace.model_validate(sample_values.SPACE)
RATES = Range(low=1e-4, high=1e-2, log=True)


def trial(number, value, state="complete"):
    return TrialRun(number=number, state=state, value=value, settings={}, seconds=1.0, epochs=1)


def test_the_only_setting_with_an_effect_is_the_most_important():
    # The value falls with the learning rate and does not depend on the batch size.
    shares = importances(simulated_study.trials(seed=0, count=30), SPACE)
    assert set(shares) == {"learning_rate", "batch_size"}
    assert shares["learning_rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_importances_are_deterministic():
    trials = simulated_study.trials(seed=1)
    assert importances(trials, SPACE) == importances(trials, SPACE)


def test_too_few_complete_trials_have_no_importances(study):
    trials = simulated_study.trials(seed=0, count=MIN_TRIALS)  # two of them are pruned
    assert importances(trials, SPACE) == {}
    for each in summarise_searches(study):
        assert all(math.isnan(setting.importance) for setting in each.settings)
        assert each.missing_importances == (
            f"importances need at least {MIN_TRIALS} complete trials; there are 3"
        )


@pytest.mark.parametrize(
    ("value", "tuned", "edge"),
    [
        (1e-4, RATES, "lowest"),
        (1.2e-4, RATES, "lowest"),  # 4 % of two decades
        (1e-3, RATES, ""),
        (9e-3, RATES, "highest"),
        (0.5, Range(low=0, high=1), ""),
        (0.96, Range(low=0, high=1), "highest"),
        (32, Choices(choices=(8, 16, 32)), "highest"),
        (16, Choices(choices=(8, 16, 32)), ""),
        (8, Choices(choices=(8, 16)), ""),  # each of two choices is an end
    ],
)
def test_a_value_near_an_end_of_its_range_is_detected(value, tuned, edge):
    assert range_edge(value, tuned) == edge


def test_a_winner_at_an_end_of_the_range_gets_a_note():
    searches = summarise_searches(simulated_study.study({}, seeds=1))
    row = setting_table(searches).rows[0]
    assert row[:4] == ["unet", "learning rate", "0.0001", "0.0001 to 0.01"]
    assert row[-1] == "at the lowest end: widen the range"


def test_the_best_so_far_never_falls_and_skips_failures():
    values = best_so_far(
        [trial(0, math.nan, "failed"), trial(1, 0.4), trial(2, 0.3), trial(3, 0.5)]
    )
    assert math.isnan(values[0])
    assert values[1:] == (0.4, 0.4, 0.5)


def test_variants_have_no_search_of_their_own(study):
    unet, *others = study.models
    changed = replace(study, models=(unet, replace(others[0], variant_of="unet")))
    assert [each.name for each in summarise_searches(changed)] == ["unet"]


def test_parameters_are_renamed_as_in_the_search_space():
    params = {"learning_rate": "0.003", "augmentation.strength": "1.0", "optimizer": "adam"}
    assert numeric_params(params) == {"learning_rate": 0.003, "augmentation_strength": 1.0}
    assert numeric_params({"occluders.share": "0.3"}) == {"occluders_share": 0.3}
    found = numeric_params({"network.width": "0.5", "network.batch_norm_momentum": "0.9"})
    assert found == {"width": 0.5, "network.batch_norm_momentum": 0.9}
