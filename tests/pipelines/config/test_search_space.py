"""The search space: what is tuned, in Optuna's terms, and how it becomes a trial's settings."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from pydantic import ValidationError

from faceseg.training.settings import TrainingSettings
from pipelines.config.search_space import Choices, Range, SearchSpace, apply_parameters

BASE = TrainingSettings(epochs=4, learning_rate=1e-3, batch_size=8, weight_decay=0.25)


def test_learning_rate_and_batch_size_are_always_tuned():
    assert set(SearchSpace().tuned()) == {"learning_rate", "batch_size"}


def test_a_given_range_is_tuned_too():
    space = SearchSpace(dice_weight=Range(low=0.5, high=2))
    assert set(space.tuned()) == {"learning_rate", "batch_size", "dice_weight"}


def test_distributions_say_what_the_space_says():
    space = SearchSpace(
        learning_rate=Range(low=1e-4, high=1e-1, log=True),
        batch_size=Choices(choices=(4, 16)),
        augmentation_strength=Range(low=0, high=2),
    )
    assert space.distributions() == {
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "batch_size": CategoricalDistribution((4, 16)),
        "augmentation_strength": FloatDistribution(0, 2),
    }


def test_tuned_values_are_put_in_and_the_rest_stays():
    settings = apply_parameters({"learning_rate": 0.5, "batch_size": 16}, BASE)
    assert settings == BASE.model_copy(update={"learning_rate": 0.5, "batch_size": 16})


def test_the_strength_goes_to_the_augmentation_and_leaves_its_ranges():
    turned = BASE.augmentation.model_copy(update={"rotation_degrees": 30.0})
    base = BASE.model_copy(update={"augmentation": turned})
    settings = apply_parameters({"augmentation_strength": 0.5}, base)
    assert settings.augmentation.strength == 0.5
    assert settings.augmentation.rotation_degrees == 30.0
    assert base.augmentation.strength == 1.0


def test_every_tuned_name_is_a_setting():
    values = dict.fromkeys(SearchSpace.model_fields, 1)
    assert isinstance(apply_parameters(values, BASE), TrainingSettings)


def test_a_batch_size_that_yaml_made_a_fraction_is_whole_again():
    """`search.first` holds floats; a batch of 16.0 images is one of 16."""
    assert apply_parameters({"batch_size": 16.0}, BASE).batch_size == 16


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="batch_size"):
        apply_parameters({"batch_size": 0}, BASE)


@pytest.mark.parametrize("point", [{}, {"learning_rate": 1e-4}, {"batch_size": 32}])
def test_points_on_the_edge_or_in_part_lie_inside(point: dict[str, float]):
    SearchSpace().check_point(point)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"learning_rate": 1.1e-2}, "learning_rate 0.011 lies outside"),
        ({"batch_size": 12}, "batch_size 12 lies outside"),
        ({"dropout": 0.1}, r"\['dropout'\] are not tuned"),
    ],
)
def test_points_outside_are_refused(point: dict[str, float], words: str):
    with pytest.raises(ValueError, match=words):
        SearchSpace().check_point(point)


@pytest.mark.parametrize(
    "wrong", [{"low": 1, "high": 1}, {"low": 0, "high": 1, "log": True}, {"low": 1, "high": 0}]
)
def test_an_empty_range_is_refused(wrong: dict[str, float]):
    with pytest.raises(ValidationError, match="a range needs low < high"):
        Range.model_validate(wrong)
