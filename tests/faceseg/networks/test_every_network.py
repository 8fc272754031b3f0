"""One harness for all architectures: build, shapes, gradients, odd sizes, save and load."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.networks import ARCHITECTURES, build, training_model

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ARCHITECTURES},
    "pspnet-16": ("pspnet", {"output_stride": 16}),
    "segnet-mobilenetv2": ("segnet", {"encoder": "mobilenetv2"}),
}
CLASSES = 5
SIZE = (96, 64)  # not square, and 3x2 at stride 32, with an odd side
Small = Callable[..., keras.Model]
Images = Callable[..., Any]

every_variant = pytest.mark.parametrize("variant", VARIANTS)


def output(model: keras.Model, images: Any) -> Any:
    return keras.ops.convert_to_numpy(model(images, training=False))


@every_variant
def test_logits_have_the_size_of_the_image(variant: str, small: Small, images: Images) -> None:
    name, options = VARIANTS[variant]
    logits = output(small(name, *SIZE, **options), images(*SIZE))
    assert logits.shape == (2, *SIZE, CLASSES)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


@every_variant
def test_outputs_are_logits_not_probabilities(variant: str, small: Small, images: Images) -> None:
    name, options = VARIANTS[variant]
    logits = output(small(name, *SIZE, **options), images(*SIZE))
    assert logits.min() < -0.1
    assert not np.allclose(logits.sum(axis=-1), 1)


@every_variant
def test_float_images_give_the_same_as_uint8_images(
    variant: str, small: Small, images: Images
) -> None:
    name, options = VARIANTS[variant]
    given = images(*SIZE)
    model = small(name, *SIZE, **options)
    np.testing.assert_array_equal(output(model, given.astype(np.float32)), output(model, given))


@every_variant
def test_a_step_changes_every_trainable_variable(variant: str, images: Images) -> None:
    name, options = VARIANTS[variant]
    keras.utils.set_random_seed(2)
    model = training_model(build(name, (64, 64, 3), CLASSES, alpha=0.35, width=0.25, **options))
    before = [each.numpy() for each in model.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1), loss=[loss] * len(model.outputs), run_eagerly=True
    )
    labels = np.random.default_rng(3).integers(0, CLASSES, (4, 64, 64))
    truth = [labels] * len(model.outputs) if len(model.outputs) > 1 else labels
    model.train_on_batch(images(64, 64, 4), truth)
    unchanged = [
        each.path
        for each, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(each.numpy(), old)
    ]
    assert unchanged == []


@every_variant
def test_a_saved_model_loads_safely_and_predicts_the_same(
    variant: str, small: Small, images: Images, tmp_path: Path
) -> None:
    name, options = VARIANTS[variant]
    model = small(name, *SIZE, **options)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    given = images(*SIZE)
    np.testing.assert_allclose(output(loaded, given), output(model, given), atol=1e-6)
    assert [each.path for each in loaded.variables] == [each.path for each in model.variables]


@pytest.fixture
def half_precision() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@every_variant
@pytest.mark.usefixtures("half_precision")
def test_logits_are_float32_under_mixed_precision(variant: str, images: Images) -> None:
    name, options = VARIANTS[variant]
    model = build(name, (64, 64, 3), CLASSES, alpha=0.35, width=0.25, **options)
    last = model.get_layer("logits")
    assert model.get_layer("classes").compute_dtype == "bfloat16"
    assert last.compute_dtype == "float32"
    assert output(model, images(64, 64)).dtype == np.float32


@every_variant
def test_momentum_and_pixels_are_those_of_the_options(variant: str) -> None:
    name, options = VARIANTS[variant]
    options = {**options, "batch_norm_momentum": 0.9, "pixels": "unit_bgr"}
    options |= {"alpha": 0.35, "width": 0.25}
    model = build(name, (64, 64, 3), CLASSES, **options)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    assert norms
    assert {each.momentum for each in norms} == {0.9}
    reversed_channels = model.get_layer("bgr")
    first = model.layers[model.layers.index(reversed_channels) + 1]
    assert first.input is reversed_channels.output
    assert model.get_layer("normalisation").scale == 1 / 255
