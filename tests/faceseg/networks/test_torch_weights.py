"""Weights of torch in encoders: names, prefixes, rejected files, and what else they change."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.networks import build, hrnet, resnet
from faceseg.networks.conventions import KERAS, TORCH
from faceseg.networks.encoder import encoder_layers
from faceseg.networks.mobilenetv2 import torch_name
from faceseg.networks.torch_weights import common_prefix, set_torch_weights
from tests.faceseg.networks.torch_originals.tensors import draw, write_safetensors

SMALL: dict[str, Any] = {"input_shape": (32, 32, 3), "num_classes": 3, "alpha": 0.35, "width": 0.1}


def torch_tensors(model: keras.Model, prefix: str = "") -> dict[str, Any]:
    """Return drawn tensors for the layers of a MobileNetV2 encoder."""
    parts = {"gamma": "weight", "beta": "bias", "kernel": "weight"}
    parts |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    found = {}
    for layer in encoder_layers(model):
        for variable in layer.weights:
            shape = variable.shape
            if variable.name == "kernel":
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                shape = [shape[axis] for axis in ((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))]
            name = f"{torch_name(layer.name)}.{parts[variable.name]}"
            found[prefix + name] = draw(name, shape)
    return found


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("Conv1", "features.0.0"),
        ("bn_Conv1", "features.0.1"),
        ("expanded_conv_depthwise", "features.1.conv.0.0"),
        ("expanded_conv_depthwise_BN", "features.1.conv.0.1"),
        ("expanded_conv_project", "features.1.conv.1"),
        ("expanded_conv_project_BN", "features.1.conv.2"),
        ("block_1_expand", "features.2.conv.0.0"),
        ("block_9_depthwise_BN", "features.10.conv.1.1"),
        ("block_16_project", "features.17.conv.2"),
        ("block_16_project_BN", "features.17.conv.3"),
        ("Conv_1", "features.18.0"),
        ("Conv_1_bn", "features.18.1"),
    ],
)
def test_names_of_mobilenetv2_in_torchvision(layer: str, name: str) -> None:
    assert torch_name(layer) == name


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("encoder_conv1", "conv1"),
        ("encoder_layer2_0_conv1", "layer2.0.conv1"),
        ("encoder_layer4_1_bn2", "layer4.1.bn2"),
        ("encoder_layer3_0_downsample_0", "layer3.0.downsample.0"),
    ],
)
def test_names_of_resnet18_in_torchvision(layer: str, name: str) -> None:
    assert resnet.torch_name(layer) == name


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("encoder_layer1_0_downsample_1", "layer1.0.downsample.1"),
        ("encoder_transition1_1_0_0", "transition1.1.0.0"),
        ("encoder_stage3_2_branches_0_1_conv2", "stage3.2.branches.0.1.conv2"),
        ("encoder_stage4_0_fuse_layers_3_0_1_0", "stage4.0.fuse_layers.3.0.1.0"),
    ],
)
def test_names_of_hrnet_in_timm(layer: str, name: str) -> None:
    assert hrnet.torch_name(layer) == name


def test_the_prefix_is_that_of_most_names() -> None:
    names = ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight"]
    tensors = dict.fromkeys([*(f"cp.resnet.{each}" for each in names), "ffm.conv1.weight"], None)
    assert common_prefix(names, tensors) == "cp.resnet."
    assert common_prefix(names, {}) == ""
    assert common_prefix(names, dict.fromkeys(names)) == ""


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_weights_of_torch_bring_their_padding_epsilon_and_pixels(
    prefix: str, tmp_path: Path
) -> None:
    plain = build("unet", **SMALL)
    tensors = torch_tensors(plain, prefix) | {"classifier.1.bias": np.zeros(1000, np.float32)}
    path = write_safetensors(tmp_path / "w.safetensors", tensors)
    model = build("unet", **SMALL, encoder_weights=path)
    kernel = tensors[f"{prefix}features.0.0.weight"]
    found = model.get_layer("Conv1").get_weights()[0]
    assert found[2, 0, 1, 3] == kernel[3, 1, 2, 0]
    for each, epsilon, padding in ((plain, 1e-3, "same"), (model, 1e-5, "valid")):
        assert each.get_layer("bn_Conv1").epsilon == epsilon
        assert each.get_layer("Conv1").padding == padding
    grey = np.full((1, 32, 32, 3), 127.5, np.float32)
    seen = keras.Model(model.input, model.get_layer("normalisation").output)(grey)
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(seen)[0, 0, 0], expected, rtol=1e-5)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = torch_tensors(build("unet", **SMALL))
    del tensors["features.4.conv.2.weight"]
    path = write_safetensors(tmp_path / "w.safetensors", tensors)
    with pytest.raises(UserError, match=r"MobileNetV2 weights.*features.4.conv.2.weight"):
        build("unet", **SMALL, encoder_weights=path)


def test_tensors_of_another_alpha_are_rejected(tmp_path: Path) -> None:
    tensors = torch_tensors(build("unet", **SMALL))
    path = write_safetensors(tmp_path / "w.safetensors", tensors)
    with pytest.raises(UserError, match=r"alpha 1.0 \(features.0.0.weight has the shape \(16, 3"):
        build("unet", **{**SMALL, "alpha": 1.0}, encoder_weights=path)


def test_a_dense_kernel_is_transposed() -> None:
    layer = keras.layers.Dense(2, name="d")
    layer.build((None, 3))
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    set_torch_weights([layer], lambda _: "fc", {"fc.weight": kernel, "fc.bias": kernel[:, 0]})
    np.testing.assert_array_equal(layer.get_weights()[0], kernel.T)


# A 3x3 kernel of ones with stride 2 on a row 1 2 3 4 of a map of ones in the other direction: Keras
# sums 1+2+3 and 3+4 with a row below the map left out, torch 1+2 and 2+3+4 with a row above.
@pytest.mark.parametrize(
    ("conventions", "sums"), [(KERAS, [[18, 21], [12, 14]]), (TORCH, [[6, 18], [9, 27]])]
)
def test_padding_of_a_strided_convolution_by_hand(conventions: Any, sums: list[Any]) -> None:
    image = keras.Input((4, 4, 1))
    outputs = conventions.convolution(image, 1, 3, "c", stride=2, initial="ones")
    row = np.array([1, 2, 3, 4], np.float32)
    given = np.broadcast_to(row, (4, 4))[None, ..., None]
    found = keras.ops.convert_to_numpy(keras.Model(image, outputs)(given))[0, ..., 0]
    np.testing.assert_array_equal(found, sums)
