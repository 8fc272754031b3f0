"""The search space: the tuned settings, Optuna's distributions, and the settings of a trial."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from pydantic import ValidationError

from faceseg.data.augmentation import Augmentation
from faceseg.data.training_occluders import Occluders
from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.config.search_space import (
    NETWORK_OPTIONS,
    SECTIONS,
    Choices,
    Factors,
    Range,
    SearchSpace,
    apply_parameters,
)

BASE = TrainingSettings(epochs=4, learning_rate=1e-3, batch_size=8, weight_decay=0.25)


def test_learning_rate_and_batch_size_are_always_tuned():
    assert set(SearchSpace().tuned()) == {"learning_rate", "batch_size"}


def test_a_given_range_is_tuned_too():
    space = SearchSpace(dice_weight=Range(low=0.5, high=2))
    assert set(space.tuned()) == {"learning_rate", "batch_size", "dice_weight"}


def test_distributions_match_the_space():
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


def test_only_tuned_values_change():
    settings = apply_parameters({"learning_rate": 0.5, "batch_size": 16}, BASE)
    assert settings == BASE.model_copy(update={"learning_rate": 0.5, "batch_size": 16})


def test_the_augmentation_strength_keeps_the_ranges():
    turned = BASE.augmentation.model_copy(update={"rotation_degrees": 30.0})
    base = BASE.model_copy(update={"augmentation": turned})
    settings = apply_parameters({"augmentation_strength": 0.5}, base)
    assert settings.augmentation.strength == 0.5
    assert settings.augmentation.rotation_degrees == 30.0
    assert base.augmentation.strength == 1.0


def test_every_tuned_name_is_a_setting():
    values = {**dict.fromkeys(SearchSpace.model_fields, 0.07), "batch_size": 7}
    settings = apply_parameters(values, BASE)
    for name in SearchSpace.model_fields.keys() - {"batch_size", *NETWORK_OPTIONS}:
        section, _, key = name.partition("_")
        place = getattr(settings, section) if section in SECTIONS else settings
        assert getattr(place, key if section in SECTIONS else name) == 0.07


def test_every_part_of_the_augmentation_can_be_tuned():
    tuned = {f"augmentation_{name}" for name in Augmentation.model_fields} - {"augmentation_flip"}
    assert tuned <= SearchSpace.model_fields.keys()


def test_parts_are_tuned_together_and_keep_the_others():
    noisy = BASE.augmentation.model_copy(update={"noise": 0.05})
    base = BASE.model_copy(update={"augmentation": noisy})
    point = {"augmentation_jpeg": 0.5, "augmentation_zoom": 0.25, "occluders_share": 0.3}
    settings = apply_parameters(point, base)
    found = settings.augmentation
    assert (found.jpeg, found.zoom, found.noise, found.contrast) == (0.5, 0.25, 0.05, 0.2)
    assert settings.occluders == Occluders(share=0.3)
    assert base.augmentation == noisy


def test_a_range_that_is_not_given_is_in_no_digest():
    assert set(SearchSpace().model_dump()) == {
        *("learning_rate", "batch_size", "weight_decay", "dice_weight", "cross_entropy_weight"),
        *("encoder_learning_rate_factor", "augmentation_strength"),
    }


def test_a_float_batch_size_becomes_an_integer():
    """`search.first` contains floats; 16.0 images are 16 images."""
    assert apply_parameters({"batch_size": 16.0}, BASE).batch_size == 16


def test_settings_that_are_not_valid_are_refused():
    with pytest.raises(ValidationError, match="batch_size"):
        apply_parameters({"batch_size": 0}, BASE)


@pytest.mark.parametrize("point", [{}, {"learning_rate": 1e-4}, {"batch_size": 32}])
def test_points_on_the_bounds_and_partial_points_are_valid(point: dict[str, float]):
    SearchSpace().check_point(point)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"learning_rate": 1.1e-2}, "learning_rate 0.011 is outside"),
        ({"batch_size": 12}, "batch_size 12 is outside"),
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
    with pytest.raises(ValidationError, match="a range requires low < high"):
        Range.model_validate(wrong)


def test_without_a_warm_start_a_study_keeps_its_name():
    plain = Experiment.model_validate({"name": "small"})
    assert "warm_start" not in plain.model_dump()["search"]
    warm = {"name": "small", "search": {"warm_start": "auto"}}
    assert Experiment.model_validate(warm).study != plain.study


# Options of the network.


def test_a_network_is_compiled_for_at_most_three_values():
    assert SearchSpace(width=Factors(choices=(0.25, 0.5, 1))).distributions()["width"] == (
        CategoricalDistribution((0.25, 0.5, 1.0))
    )
    with pytest.raises(ValidationError, match="at most 3 items"):
        Factors(choices=(0.25, 0.5, 0.75, 1))


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"output_stride": {"choices": [8, 16]}}, "architectures.unet has no option output_stride"),
        ({"output_stride": {"choices": [4]}}, "search.space.output_stride: 4 is not valid"),
        ({"width": {"choices": [0]}}, "greater than 0"),
    ],
)
def test_an_option_that_a_network_does_not_have_is_refused(space: dict[str, object], words: str):
    with pytest.raises(ValidationError, match=words):
        Experiment.model_validate({"name": "x", "search": {"space": space}})


def test_options_of_the_network_are_no_settings_of_its_training():
    assert apply_parameters({"width": 0.5, "alpha": 0.35}, BASE) == BASE


def test_a_tuned_option_replaces_that_of_the_experiment_but_not_that_of_a_variant():
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "architectures": {"unet": {"width": 1, "alpha": 1}, "pspnet": None, "segnet": None},
            "variants": {"thin": {"of": "unet", "width": 0.125}, "plain": {"of": "unet"}},
            "distil": {"student": "thin", "teacher": "unet"},
        }
    )
    tuned = {"width": 0.5}
    widths = {name: experiment.network_of(name, tuned)[1] for name in experiment.trained_networks}
    assert widths == {
        "unet": {"width": 0.5, "alpha": 1},
        "plain": {"width": 0.5, "alpha": 1},
        "thin": {"width": 0.125, "alpha": 1},
        "thin-distilled": {"width": 0.125, "alpha": 1},
    }


def test_a_warm_start_is_refused_with_several_goals():
    search = {"warm_start": "auto", "goals": ["val/iou", "model/macs <= 1e9"]}
    Experiment.model_validate({"name": "x", "search": search})
    with pytest.raises(ValidationError, match="earlier trials are compared by val/iou alone"):
        Experiment.model_validate(
            {"name": "x", "search": {**search, "goals": ["val/iou", "model/macs"]}}
        )
