"""Parameters and multiply-accumulates against counts that do not use the networks' code."""

import math

import keras
import pytest

from faceseg.networks import build, training_model
from faceseg.networks.cost import count_macs, count_parameters

# MobileNetV2, table 2 of Sandler et al. 2018: expansion, channels, repeats, first stride.
MOBILENET_TABLE = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
MOBILENET_PARAMETERS = 1_841_984  # Keras's 2,257,984 less Conv_1, its BN and the last project BN


def mobilenet_macs(side: int, output_stride: int = 32) -> int:
    """Return the count of the encoder up to its 320 channels by the paper's table."""
    stride, channels = 2, 32
    total = (side // 2) ** 2 * 3 * 9 * 32
    for expansion, filters, repeats, first in MOBILENET_TABLE:
        for repeat in range(repeats):
            wide = channels * expansion
            if expansion > 1:
                total += (side // stride) ** 2 * channels * wide
            if repeat == 0 and stride * first <= output_stride:
                stride *= first
            total += (side // stride) ** 2 * (9 * wide + wide * filters)
            channels = filters
    return total


def convolution(side: int, inputs: int, outputs: int, kernel: int = 3) -> int:
    return side**2 * kernel**2 * inputs * outputs


def segnet_layers() -> list[tuple[int, int, int]]:
    """Return the paper's 26 convolutions at 256x256: (side, channels in, channels out)."""
    down = [
        *((256, 3, 64), (256, 64, 64), (128, 64, 128), (128, 128, 128)),
        *((64, 128, 256), (64, 256, 256), (64, 256, 256)),
        *((32, 256, 512), (32, 512, 512), (32, 512, 512)),
        *((16, 512, 512), (16, 512, 512), (16, 512, 512)),
    ]
    up = [(side, outputs, inputs) for side, inputs, outputs in reversed(down)]
    return [*down, *up[:-1], (256, 64, 11)]


def test_segnet_has_the_papers_size() -> None:
    model = build("segnet")
    convolutions = segnet_layers()
    assert len(convolutions) == 26
    weights = 11 + sum(9 * inputs * outputs for _, inputs, outputs in convolutions)
    normalised = sum(outputs for _, _, outputs in convolutions[:-1])
    assert count_parameters(model) == weights + 4 * normalised
    trained = sum(math.prod(each.shape) for each in model.trainable_variables)
    assert trained == weights + 2 * normalised
    assert trained / 1e6 == pytest.approx(29.4, abs=0.05)
    assert count_macs(model) == sum(convolution(*each) for each in convolutions)
    assert count_macs(model) / 1e9 == pytest.approx(40.4, abs=0.05)


# Side of the map, channels from below, filters, channels of the skip.
UNET_STEPS = ((16, 320, 256, 576), (32, 256, 128, 192), (64, 128, 64, 144), (128, 64, 32, 96))


def test_unet_has_the_counted_size() -> None:
    model = build("unet")
    weights, products = MOBILENET_PARAMETERS, mobilenet_macs(256)
    for side, inputs, filters, skip in UNET_STEPS:
        kernels = 9 * (filters + skip) * filters + 9 * filters * filters
        weights += 4 * inputs * filters + kernels + 3 * 4 * filters
        products += side**2 * (inputs * filters + kernels)  # 1 of 4 taps at each output position
    weights += 4 * 32 * 16 + 9 * 16 + 16 * 16 + 2 * 4 * 16 + 16 * 11 + 11
    products += 256**2 * (32 * 16 + 9 * 16 + 16 * 16 + 16 * 11)
    assert count_parameters(model) == weights
    assert count_macs(model) == products
    assert (weights / 1e6, products / 1e9) == pytest.approx((5.6, 3.1), abs=0.05)


@pytest.mark.parametrize(("stride", "giga"), [(8, 3.4), (16, 1.0)])
def test_pspnet_has_the_counted_size(stride: int, giga: float) -> None:
    model = build("pspnet", output_stride=stride)
    side = 256 // stride
    weights, products = MOBILENET_PARAMETERS, mobilenet_macs(256, stride)
    for bins in (1, 2, 3, 6):
        weights += 320 * 80 + 4 * 80
        products += bins * side * side * 320 + bins * bins * side * 320  # rows, then columns
        products += bins * bins * 320 * 80
    weights += 9 * 640 * 256 + 4 * 256 + 256 * 11 + 11
    products += convolution(side, 640, 256) + convolution(side, 256, 11, kernel=1)
    assert count_parameters(model) == weights
    assert count_macs(model) == products
    assert products / 1e9 == pytest.approx(giga, abs=0.05)


@pytest.mark.parametrize(
    ("name", "mega"),
    [("reference-unet", 12.8), ("reference-pspnet", 10.7), ("reference-segnet", 26.7)],
)
def test_the_references_have_the_parameters_that_were_published(name: str, mega: float) -> None:
    assert count_parameters(build(name)) / 1e6 == pytest.approx(mega, abs=0.05)


def test_bisenet_without_its_spatial_path_has_the_size_of_the_widely_used_variant() -> None:
    """As in github.com/zllrunning/face-parsing.PyTorch: the encoder's map replaces the path."""
    trained = training_model(build("bisenet", num_classes=19)).trainable_variables
    others = [each for each in trained if not each.path.startswith("spatial_")]
    # Kernels of 7x7, 3x3, 3x3 and 1x1, and the scale and offset of each filter.
    path = 49 * 3 * 64 + 2 * 9 * 64 * 64 + 64 * 128 + 2 * (3 * 64 + 128)
    count = [sum(math.prod(each.shape) for each in some) for some in (trained, others)]
    assert count[0] - count[1] == path
    assert count[1] / 1e6 == pytest.approx(13.30, abs=0.005)


def test_the_reference_unet_has_the_macs_that_were_measured() -> None:
    assert count_macs(build("reference-unet")) / 1e9 == pytest.approx(8.4, abs=0.05)


def test_layers_worked_by_hand() -> None:
    image = keras.Input((8, 8, 3))
    outputs = keras.layers.SeparableConv2D(4, 3, strides=2, padding="same")(image)
    outputs = keras.layers.Conv2D(6, 3, groups=2, padding="same")(outputs)
    outputs = keras.layers.Conv2DTranspose(5, 3, strides=2, padding="same")(outputs)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(outputs))
    separable = 4 * 4 * (3 * 9 + 3 * 4)
    grouped = 4 * 4 * 9 * (4 // 2) * 6
    transposed = 4 * 4 * 9 * 6 * 5
    assert count_macs(keras.Model(image, outputs)) == separable + grouped + transposed + 5 * 2


def test_a_model_within_a_model_is_counted() -> None:
    inner = build("unet", (64, 64, 3), 3, alpha=0.35, width=0.25)
    image = keras.Input((64, 64, 3))
    assert count_macs(keras.Model(image, inner(image))) == count_macs(inner)


def test_a_layer_without_a_counter_is_an_error() -> None:
    image = keras.Input((8, 3))
    model = keras.Model(image, keras.layers.LSTM(2, name="memory")(image))
    with pytest.raises(TypeError, match=r"memory.*LSTM"):
        count_macs(model)
