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
from pipelines.compare.study_data.study_results import TrialRun, numeric_params
from pipelines.config.search_space import Choices, Range, SearchSpace
from tests.pipelines.compare import sample_values, simulated_study

SPACE = SearchSpace.model_validate(sample_values.SPACE)
RATES = Range(low=1e-4, high=1e-2, log=True)


def trial(number, value, state="complete"):
    return TrialRun(number, state, value, {}, 1.0, 1)


def test_the_setting_that_alone_decides_matters_most():
    # The value falls with the learning rate and knows nothing of the batch size.
    found = importances(simulated_study.trials(seed=0, count=30), SPACE)
    assert set(found) == {"learning_rate", "batch_size"}
    assert found["learning_rate"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_importances_are_the_same_from_the_same_trials():
    trials = simulated_study.trials(seed=1)
    assert importances(trials, SPACE) == importances(trials, SPACE)


def test_too_few_completed_trials_have_no_importance_and_say_so(record):
    assert (
        importances(simulated_study.trials(seed=0, count=MIN_TRIALS), SPACE) == {}
    )  # two were pruned
    for each in summarise_searches(record):
        assert all(math.isnan(setting.importance) for setting in each.settings)
        assert (
            f"importances need {MIN_TRIALS} completed trials or more, and here are 3" in each.note
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
        (8, Choices(choices=(8, 16)), ""),  # of two choices each is an end
    ],
)
def test_a_winner_at_the_edge_of_its_range_is_seen(value, tuned, edge):
    assert range_edge(value, tuned) == edge


def test_a_winner_at_the_edge_is_told_to_widen():
    study = simulated_study.study({}, seeds=1)
    note = summarise_searches(study)[0].note
    assert "learning_rate 0.0001 is at the lowest end of its range (0.0001 to 0.01)" in note
    assert note.endswith("widen it")


def test_the_best_so_far_grows_and_skips_failures():
    found = best_so_far([trial(0, math.nan, "failed"), trial(1, 0.4), trial(2, 0.3), trial(3, 0.5)])
    assert math.isnan(found[0])
    assert found[1:] == (0.4, 0.4, 0.5)


def test_variants_have_no_search_of_their_own(record):
    unet, *others = record.models
    study = replace(record, contenders=(unet, replace(others[0], variant_of="unet")))
    assert [each.name for each in summarise_searches(study)] == ["unet"]


def test_settings_are_read_under_the_names_of_the_search():
    given = {"learning_rate": "0.003", "augmentation.strength": "1.0", "optimizer": "adam"}
    assert numeric_params(given) == {"learning_rate": 0.003, "augmentation_strength": 1.0}
