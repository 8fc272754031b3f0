"""Pretrained weights: the layers they are set on, the encoder's variables, rejected weights."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.networks import build
from faceseg.networks.encoder import encoder_layers, encoder_variables, is_encoder_variable

SMALL: dict[str, Any] = {"input_shape": (64, 64, 3), "num_classes": 3, "width": 0.25}
PRETRAINABLE: dict[str, dict[str, Any]] = {
    "unet": {},
    "pspnet": {},
    "segnet": {"encoder": "mobilenetv2"},
    "reference-unet": {},
}
DATA = Path(os.environ.get("FACESEG_DATA", "../shared/data"))
REAL_WEIGHTS = DATA.parent / "weights" / "mobilenet_v2_0.35_224_no_top.weights.h5"


@pytest.fixture(scope="module")
def keras_encoder() -> keras.Model:
    keras.utils.set_random_seed(11)
    return keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None
    )


@pytest.fixture(scope="module")
def weights_file(keras_encoder: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "encoder.weights.h5"
    keras_encoder.save_weights(path)
    return path


def assert_same_encoder(model: keras.Model, source: keras.Model) -> None:
    filled = [layer for layer in encoder_layers(model) if layer.variables]
    assert len(filled) == 101  # 51 convolutions, and BatchNorm after all but the last
    for layer in filled:
        for mine, theirs in zip(
            layer.get_weights(), source.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", PRETRAINABLE)
def test_weights_of_a_file_reach_every_encoder_layer(
    name: str, weights_file: Path, keras_encoder: keras.Model
) -> None:
    options = {**SMALL, **PRETRAINABLE[name], "alpha": 0.35}
    model = build(name, **options, encoder_weights=weights_file)
    assert_same_encoder(model, keras_encoder)


def test_the_real_weights_load() -> None:
    if not REAL_WEIGHTS.is_file():
        pytest.skip("no weights beside the data folder in FACESEG_DATA")
    source = keras.applications.MobileNetV2(
        input_shape=(224, 224, 3), alpha=0.35, include_top=False, weights=str(REAL_WEIGHTS)
    )
    model = build("unet", **SMALL, alpha=0.35, encoder_weights=str(REAL_WEIGHTS))
    assert_same_encoder(model, source)


def test_weights_of_mobilenetv3_are_those_of_keras(tmp_path: Path) -> None:
    keras.utils.set_random_seed(12)
    source = keras.applications.MobileNetV3Large(
        input_shape=(64, 64, 3), alpha=0.75, include_top=False, weights=None
    )
    path = tmp_path / "v3.weights.h5"
    source.save_weights(path)
    model = build("lraspp", **SMALL, alpha=0.75, encoder_weights=path)
    filled = [layer for layer in encoder_layers(model) if layer.variables]
    names = {layer.name.removeprefix("encoder_") for layer in filled}
    assert names == {layer.name for layer in source.layers if layer.variables}
    for layer in filled:
        theirs = source.get_layer(layer.name.removeprefix("encoder_")).get_weights()
        for mine, own in zip(layer.get_weights(), theirs, strict=True):
            np.testing.assert_array_equal(mine, own)


def test_imagenet_weights_are_those_of_keras(
    keras_encoder: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def download(**settings: Any) -> keras.Model:
        calls.append(settings)
        return keras_encoder

    monkeypatch.setattr(keras.applications, "MobileNetV2", download)
    model = build("unet", **SMALL, alpha=0.35, encoder_weights="imagenet")
    assert [(each["weights"], each["alpha"]) for each in calls] == [("imagenet", 0.35)]
    assert_same_encoder(model, keras_encoder)


def test_the_error_of_a_failed_download_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise Exception("URL fetch failure")  # what keras.utils.get_file raises

    monkeypatch.setattr(keras.applications, "MobileNetV2", fail)
    with pytest.raises(UserError, match=r"could not be downloaded.*URL fetch failure.*or to none"):
        build("unet", **SMALL, alpha=0.35, encoder_weights="imagenet")


def test_imagenet_weights_of_an_alpha_that_has_none() -> None:
    with pytest.raises(UserError, match=r"alpha 0.4; expected one of 0.35, 0.5,"):
        build("unet", **SMALL, alpha=0.4, encoder_weights="imagenet")


def test_a_missing_file() -> None:
    with pytest.raises(UserError, match=r"'nowhere.h5', and there is no such file"):
        build("pspnet", **SMALL, alpha=0.35, encoder_weights="nowhere.h5")


def test_weights_of_another_alpha(weights_file: Path) -> None:
    with pytest.raises(UserError, match=r"does not contain MobileNetV2 weights for alpha 0.5"):
        build("unet", **SMALL, alpha=0.5, encoder_weights=weights_file)


@pytest.mark.parametrize("name", ["broken.weights.h5", "weights.txt"])
def test_a_file_without_weights_is_rejected(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("nothing of the kind")
    with pytest.raises(UserError, match="does not contain MobileNetV2 weights"):
        build("unet", **SMALL, alpha=0.35, encoder_weights=path)


def test_imagenet_weights_of_an_encoder_that_keras_lacks() -> None:
    with pytest.raises(UserError, match=r"Keras has no MiT-B0; expected none or a .safetensors"):
        build("segformer", **SMALL, alpha=0.35, encoder_weights="imagenet")


@pytest.mark.parametrize("name", ["segnet", "reference-segnet"])
def test_a_network_without_mobilenet_rejects_weights(name: str) -> None:
    with pytest.raises(UserError, match="has no MobileNetV2 encoder"):
        build(name, **SMALL, encoder_weights="imagenet")
    assert build(name, **SMALL, encoder_weights="none").name == name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Conv1/kernel", True),
        ("bn_Conv1/gamma", True),
        ("expanded_conv_project/kernel", True),
        ("block_16_project/kernel", True),
        ("block_1_expand_BN/moving_mean", True),
        ("encoder_1_2_conv/kernel", True),
        ("decoder_16_1_conv/kernel", False),
        ("head_conv/kernel", False),
        ("pyramid_6_bn/gamma", False),
        ("auxiliary_conv/kernel", False),
        ("full_depthwise/kernel", False),
        ("classes/bias", False),
    ],
)
def test_which_variables_are_the_encoders(path: str, expected: bool) -> None:
    assert is_encoder_variable(path) is expected


def test_an_encoder_of_a_network_is_all_of_it_before_the_decoder(
    small: Callable[..., keras.Model],
) -> None:
    for name, tensor in (("unet", "block_16_project"), ("segnet", "encoder_5_pool")):
        model = small(name)
        end = model.get_layer(tensor).output
        before = keras.Model(model.input, end)
        expected = {each.path for each in before.trainable_variables}
        assert {each.path for each in encoder_variables(model)} == expected
