"""The table of networks: names, options, and errors for wrong ones."""

from typing import Any

import pytest

from faceseg.errors import UserError
from faceseg.networks import ARCHITECTURES, NetworkOptions, build, training_model
from faceseg.networks.architectures import BUILDERS, TRAINING_MODELS, builder_options
from faceseg.networks.options import NetworkKeywords, nearest_multiple

SMALL: dict[str, Any] = {"alpha": 0.35, "width": 0.25}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_has_the_name_it_is_built_by(name: str) -> None:
    assert build(name, (64, 64, 3), 3, **SMALL).name == name


def test_the_error_of_an_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'unnet'.*expected one of unet,.*mean 'unet'"):
        build("unnet")


def test_the_error_of_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"option of pspnet 'outputstride'.*mean 'output_stride'"):
        build("pspnet", outputstride=16)


def test_an_option_of_another_network_is_unknown() -> None:
    with pytest.raises(UserError, match="option of unet 'encoder'"):
        build("unet", encoder="vgg")


def test_every_builder_takes_the_common_options_as_keywords() -> None:
    common = set(NetworkOptions.__dataclass_fields__)
    assert NetworkKeywords.__annotations__.keys() == common
    own = {name: set(builder_options(each)) - common for name, each in BUILDERS.items()}
    assert {name: options for name, options in own.items() if options} == {
        "pspnet": {"output_stride"},
        "deeplabv3plus": {"output_stride"},
        "segnet": {"encoder"},
        "segformer": {"encoder"},
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_builder_rejects_an_unknown_option(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'widht'"):
        BUILDERS[name](widht=0.25)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("unet", {"input_shape": (250, 100, 3)}, "250x100.*multiples of 32.*256x96"),
        ("segnet", {"input_shape": (16, 64, 3)}, "16x64.*Use 32x64"),
        ("pspnet", {"input_shape": (64, 64)}, r"expected \(height, width, 3\)"),
        ("reference-unet", {"input_shape": (64, 64, 1)}, r"expected \(height, width, 3\)"),
        ("reference-pspnet", {"input_shape": (None, None, 3)}, "one fixed size"),
        ("reference-segnet", {"num_classes": 1}, "num_classes is 1; expected 2 or more"),
        ("unet", {"alpha": 0}, "alpha is 0; expected a positive factor"),
        ("segnet", {"width": -1.0}, "width is -1.0; expected a positive factor"),
        ("pspnet", {"batch_norm_momentum": 1.0}, "batch_norm_momentum is 1.0"),
        ("pspnet", {"output_stride": 4}, "output_stride is 4; expected one of 8, 16 and 32"),
        ("deeplabv3plus", {"output_stride": 32}, "output_stride is 32; expected 8 or 16"),
        ("segformer", {"encoder": "mit_b7"}, "encoder 'mit_b7'; expected one of mit_b0, mit_b1"),
        ("segnet", {"encoder": "mobilnet"}, "encoder 'mobilnet'.*mean 'mobilenetv2'"),
    ],
)
def test_the_error_names_the_invalid_argument(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(name, **{"input_shape": (64, 64, 3), **SMALL, **arguments})


@pytest.mark.parametrize(("side", "expected"), [(1, 32), (40, 32), (60, 64), (250, 256)])
def test_the_suggested_size_is_the_nearest_possible(side: int, expected: int) -> None:
    assert nearest_multiple(side) == expected


def test_every_training_model_is_of_a_network() -> None:
    assert set(TRAINING_MODELS) <= set(ARCHITECTURES)


def test_a_network_without_a_training_model_is_trained_itself() -> None:
    model = build("unet", (64, 64, 3), 3, **SMALL)
    assert training_model(model) is model
