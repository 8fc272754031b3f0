"""A setting far beyond any study is refused where the experiment is read; usual ones are not."""

from pathlib import Path

import pytest
from annotated_types import Le, Lt
from pydantic import BaseModel

from faceseg.errors import UserError
from pipelines.config import Experiment, load
from pipelines.config.network_section import Network, Variant

HUGE = 10**21
# Ends of ranges (checked against the setting that they tune), and limits that are off if large.
WITHOUT_BOUND = {"low", "high", "margin", "latency_ms", "size_mb"}
# No work is added: a loss that is not finite ends a training, a gate with a large bound passes.
LOSS_SETTINGS = {
    *("learning_rate", "weight_decay", "clip_norm", "cross_entropy_weight", "dice_weight"),
    *("lovasz_weight", "auxiliary_weight", "encoder_learning_rate_factor", "min_gain", "tolerance"),
    *("more_robust", "class_drop", "slice_drop", "kind_drop"),
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.drawn.train", HUGE),
        ("data.drawn.size", HUGE),
        ("data.drawn.seed", HUGE),
        ("data.image_size", f"[{HUGE - HUGE % 32}, 32]"),
        ("seed", -HUGE),
        ("training.epochs", HUGE),
        ("training.batch_size", HUGE),
        ("training.learning_rate", ".inf"),
        ("search.trials", HUGE),
        ("search.space.batch_size.choices", f"[8, {HUGE}]"),
        ("search.space.weight_decay", "{low: 0, high: .inf}"),
        ("finals.seeds", HUGE),
        ("robustness.final_images", HUGE),
        ("resources.workers", HUGE),
        ("resources.cpus", HUGE),
        ("resources.cpus", ".nan"),
        ("architectures.unet.width", HUGE),
        ("gate.resamples", HUGE),
        ("gate.bounds.left_eye", ".nan"),
    ],
)
def test_a_huge_setting_is_refused_by_its_name(key: str, value: object):
    with pytest.raises(UserError, match=r"is not a valid experiment") as refused:
        load(Path("quickstart"), (f"{key}={value}",))
    assert key.partition(".")[0] in str(refused.value)
    assert len(str(refused.value)) < 600


def test_a_batch_with_more_pixels_than_32_bits_number_is_refused():
    with pytest.raises(UserError, match=r"a batch of 512 images of 2048 x 2048 pixels is too"):
        load(Path("quickstart"), ("data.image_size=[2048, 2048]", "training.batch_size=512"))
    load(Path("quickstart"), ("data.image_size=[2048, 2048]", "training.batch_size=64"))


def _sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a section and all that it contains."""
    found = {model}
    for field in model.model_fields.values():
        for each in _types(field.annotation):
            found |= _sections(each)
    return found


def _types(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for inner in getattr(annotation, "__args__", ()) for each in _types(inner)]


def test_every_number_of_an_experiment_has_an_upper_bound():
    """A new setting without a bound fails here: give it one, or list it with its reason."""
    unbounded = {
        name
        for section in _sections(Experiment) | {Network, Variant}
        for name, field in section.model_fields.items()
        if field.annotation in (int, float, int | None, float | None)
        and not any(isinstance(each, Le | Lt) for each in field.metadata)
    }
    # Class ids are checked against the number of classes.
    assert unbounded <= WITHOUT_BOUND | LOSS_SETTINGS | {"skin", "hair", "beard"}
