"""Each network has the mechanism of the paper that it is named after."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.networks import build, training_model
from faceseg.networks.mobilenetv2 import LEVELS
from faceseg.networks.pspnet import AUXILIARY_LOSS_WEIGHT

Small = Callable[..., keras.Model]


def to_numpy(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def from_tensors(model: keras.Model, tensors: list[Any]) -> keras.Model:
    """Return the part of `model` after inner tensors; Keras fails if it needs other tensors too."""
    return keras.Model(tensors, model.output)


# --- U-Net ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unet", "reference-unet"])
def test_each_skip_reaches_the_output(name: str, small: Small) -> None:
    model = small(name)
    tensors = [model.get_layer(level).output for level in LEVELS]
    decoder = from_tensors(model, tensors)
    random = np.random.default_rng(0)
    given = [random.normal(size=(1, *each.shape[1:])).astype(np.float32) for each in tensors]
    unchanged = to_numpy(decoder(given, training=False))
    for number, level in enumerate(LEVELS):
        without = [value * (index != number) for index, value in enumerate(given)]
        difference = np.abs(to_numpy(decoder(without, training=False)) - unchanged).max()
        assert difference > 1e-3, level


def test_the_unets_logits_have_detail_within_half_resolution_pixels(small: Small) -> None:
    model = small("unet")
    image = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    logits = to_numpy(model(image, training=False))
    blocks = logits.reshape(32, 2, 32, 2, 5)
    assert np.ptp(blocks, axis=(1, 3)).min() > 0


# --- PSPNet --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (96, 64), (160, 224), (256, 256)])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_the_pyramid_has_exactly_1_2_3_and_6_bins(
    size: tuple[int, int], output_stride: int
) -> None:
    options = {"alpha": 0.35, "width": 0.25, "output_stride": output_stride}
    model = build("pspnet", (*size, 3), 5, **options)
    for bins in (1, 2, 3, 6):
        assert model.get_layer(f"pyramid_{bins}_pool").output.shape[1:3] == (bins, bins)
        shape = model.get_layer(f"pyramid_{bins}_resize").output.shape[1:3]
        assert shape == (size[0] // output_stride, size[1] // output_stride)


def test_the_reference_pyramid_has_the_notebooks_grids() -> None:
    model = build("reference-pspnet", alpha=0.35, width=0.25)
    grids = [model.get_layer(f"pyramid_{bins}_pool").output.shape[1] for bins in (1, 2, 3, 6)]
    assert grids == [1, 2, 4, 8]  # in place of 1, 2, 3 and 6


def test_the_auxiliary_head_is_in_training_only() -> None:
    model = build("pspnet", (64, 96, 3), 5, alpha=0.35, width=0.25)
    training = training_model(model)
    assert not any("auxiliary" in each.path for each in model.variables)
    assert [each.shape for each in training.outputs] == 2 * [(None, 64, 96, 5)]
    assert [each.dtype for each in training.outputs] == 2 * ["float32"]
    assert AUXILIARY_LOSS_WEIGHT == 0.4


def test_training_with_the_auxiliary_head_trains_the_network_itself() -> None:
    model = build("pspnet", (64, 64, 3), 5, alpha=0.35, width=0.25)
    training = training_model(model)
    shared = {id(each) for each in training.variables}
    assert all(id(each) in shared for each in model.variables)
    image = np.random.default_rng(2).integers(0, 256, (1, 64, 64, 3), np.uint8)
    logits, _ = training(image, training=False)
    np.testing.assert_array_equal(to_numpy(logits), to_numpy(model(image, training=False)))


# --- DeepLabV3+ ----------------------------------------------------------------------------


@pytest.mark.parametrize(("output_stride", "rates"), [(16, (6, 12, 18)), (8, (12, 24, 36))])
def test_atrous_convolutions_reach_as_far_as_their_rates(
    output_stride: int, rates: tuple[int, ...]
) -> None:
    options = {"alpha": 0.35, "width": 0.1, "output_stride": output_stride}
    model = build("deeplabv3plus", (64, 96, 3), 5, **options)
    for number, rate in enumerate(rates, start=1):
        layer = model.get_layer(f"pyramid_{number}_depthwise")
        _, *size, channels = layer.input.shape
        assert size == [64 // output_stride, 96 // output_stride]
        impulse = np.zeros((1, 2 * rate + 3, 2 * rate + 3, channels), np.float32)
        impulse[0, rate + 1, rate + 1] = 1
        reached = np.argwhere(to_numpy(layer(impulse))[0].any(axis=-1)) - (rate + 1)
        steps = (-rate, 0, rate)
        assert [tuple(each) for each in reached] == list(itertools.product(steps, steps))


def test_the_decoder_joins_the_whole_maps_mean_and_a_skip_at_stride_4(small: Small) -> None:
    model = small("deeplabv3plus")
    assert model.get_layer("pyramid_pool").output.shape[1:3] == (1, 1)
    joined = model.get_layer("decoder_concat").input
    assert [each.shape[1:3] for each in joined] == [(16, 16), (16, 16)]
    assert joined[1] is model.get_layer("decoder_skip_relu").output


# --- LR-ASPP -------------------------------------------------------------------------------


def test_the_gate_is_of_the_whole_map_and_scales_every_position(small: Small) -> None:
    model = small("lraspp", 64, 128)
    gate = model.get_layer("gate_sigmoid").output
    assert gate.shape[1:3] == (1, 1)
    high = model.get_layer("gate_pool").input
    assert high.shape[1:3] == (4, 8)
    gate_of = keras.Model(high, gate)
    given = np.random.default_rng(4).normal(size=(1, *high.shape[1:])).astype(np.float32)
    moved = np.roll(given, (1, 3), axis=(1, 2))  # the mean is the same wherever the values are
    np.testing.assert_allclose(to_numpy(gate_of(moved)), to_numpy(gate_of(given)), rtol=1e-5)
    for position in ((0, 0), (3, 7)):
        changed = given.copy()
        changed[0, *position] += 10
        assert np.abs(to_numpy(gate_of(changed)) - to_numpy(gate_of(given))).max() > 1e-3


def test_class_scores_of_stride_8_are_added(small: Small) -> None:
    model = small("lraspp")
    scores = [model.get_layer(name).output for name in ("classes", "low_classes")]
    assert [each.shape[1:3] for each in scores] == [(8, 8), (8, 8)]
    rest = from_tensors(model, scores)
    ones = np.ones((1, 8, 8, 5), np.float32)
    np.testing.assert_allclose(to_numpy(rest([ones, 2 * ones])), 3, rtol=1e-6)


# --- SegFormer -----------------------------------------------------------------------------


def test_keys_are_reduced_by_8_4_2_and_1_a_side_and_queries_are_not(small: Small) -> None:
    model = small("segformer", 64, 96)
    for stage, (stride, reduction) in enumerate(((4, 8), (8, 4), (16, 2), (32, 1)), start=1):
        for block in (1, 2):
            name = f"encoder_{stage}_{block}"
            assert model.get_layer(f"{name}_query").output.shape[1:3] == (
                64 // stride,
                96 // stride,
            )
            side = stride * reduction
            for part in ("key", "value"):
                shape = model.get_layer(f"{name}_{part}").output.shape[1:3]
                assert shape == (64 // side, 96 // side)


def test_patches_overlap_and_positions_come_from_a_depthwise_convolution(small: Small) -> None:
    model = small("segformer")
    patches = [model.get_layer(f"encoder_{stage}_patch") for stage in (1, 2, 3, 4)]
    assert [each.kernel_size[0] for each in patches] == [7, 3, 3, 3]
    assert [each.strides[0] for each in patches] == [4, 2, 2, 2]
    kernels = [model.get_layer(f"encoder_{stage}_1_depthwise").kernel_size for stage in range(1, 5)]
    assert kernels == 4 * [(3, 3)]
    joined = model.get_layer("decoder_concat").input
    assert [each.shape[1:3] for each in joined] == 4 * [(16, 16)]


# --- BiSeNet -------------------------------------------------------------------------------


def test_the_spatial_path_reads_the_image_alone_and_ends_at_stride_8(small: Small) -> None:
    model = small("bisenet", 64, 96)
    detail = model.get_layer("spatial_out_relu").output
    path = keras.Model(model.get_layer("normalisation").output, detail)
    strides = [each.strides[0] for each in path.layers if isinstance(each, keras.layers.Conv2D)]
    assert strides == [2, 2, 2, 1]
    joined = model.get_layer("fusion_concat").input
    assert joined[0] is detail
    assert [each.shape[1:3] for each in joined] == [(8, 12), (8, 12)]


def test_the_context_path_refines_strides_16_and_32_and_adds_the_mean(small: Small) -> None:
    model = small("bisenet", 64, 96)
    for stride in (16, 32):
        gate = model.get_layer(f"context_{stride}_refine_gate_sigmoid").output
        assert gate.shape[1:3] == (1, 1)
        maps, weights = model.get_layer(f"context_{stride}_refine_gated").input
        assert maps.shape[1:3] == (64 // stride, 96 // stride)
        assert weights is gate
    assert model.get_layer("context_32_add").input[1].shape[1:3] == (1, 1)


def test_the_fusion_weights_channels_between_once_and_twice(small: Small) -> None:
    model = small("bisenet")
    tensors = [model.get_layer(name).output for name in ("fusion_relu", "fusion_add")]
    image = np.random.default_rng(5).integers(0, 256, (1, 64, 64, 3), np.uint8)
    joined, fused = map(to_numpy, keras.Model(model.input, tensors)(image, training=False))
    assert (fused >= joined).all()
    assert (fused <= 2 * joined + 1e-6).all()


def test_bisenets_two_auxiliary_heads_are_in_training_only() -> None:
    model = build("bisenet", (64, 96, 3), 5, alpha=0.35, width=0.25)
    training = training_model(model)
    assert not any("auxiliary" in each.path for each in model.variables)
    assert [(each.shape, each.dtype) for each in training.outputs] == 3 * [
        ((None, 64, 96, 5), "float32")
    ]
    for name, stride in (("auxiliary_8", 8), ("auxiliary_16", 16)):
        given = training.get_layer(f"{name}_conv").input
        assert given.shape[1:3] == (64 // stride, 96 // stride)
    shared = {id(each) for each in training.variables}
    assert all(id(each) in shared for each in model.variables)


# --- HRNet ---------------------------------------------------------------------------------


def test_the_first_branch_never_goes_below_stride_4(small: Small) -> None:
    model = small("hrnet", 64, 96)
    for number, stride in enumerate((4, 8, 16, 32)):
        found = [each for each in model.layers if f"_branches_{number}_" in each.name]
        assert len(found) > 20
        assert {each.output.shape[1:3] for each in found} == {(64 // stride, 96 // stride)}
    joined = model.get_layer("head_concat").input
    assert [each.shape[1:3] for each in joined] == 4 * [(16, 24)]


@pytest.mark.parametrize(("stage", "modules"), [(2, 1), (3, 3), (4, 2)])
def test_every_module_gives_each_branch_the_sum_of_all(
    stage: int, modules: int, small: Small
) -> None:
    model = small("hrnet", 64, 96)
    for module, branch in itertools.product(range(modules), range(stage)):
        add = model.get_layer(f"encoder_stage{stage}_{module}_fuse_layers_{branch}_add")
        assert len(add.input) == stage


# --- SegNet --------------------------------------------------------------------------------


def test_the_segnet_decoder_needs_only_indices_and_the_last_values(small: Small) -> None:
    model = small("segnet")
    pools = [model.get_layer(f"encoder_{stage}_pool").output for stage in range(1, 6)]
    inputs = [pools[-1][0], *(indices for _, indices in pools)]
    assert from_tensors(model, inputs).output.shape == (None, 64, 64, 5)


def test_the_variants_decoder_needs_only_indices_and_the_last_features(small: Small) -> None:
    model = small("segnet", encoder="mobilenetv2")
    indices = [model.get_layer(f"decoder_{stride}_places").output[1] for stride in (2, 4, 8, 16)]
    inputs = [model.get_layer("block_16_project").output, *indices]
    assert from_tensors(model, inputs).output.shape == (None, 64, 64, 5)


@pytest.mark.parametrize(
    ("options", "pooled", "unpooled"),
    [
        ({}, "encoder_2_2_relu", "decoder_2_unpool"),
        ({"encoder": "mobilenetv2"}, "block_3_expand_relu", "decoder_4_unpool"),
    ],
)
def test_unpooled_values_are_at_the_positions_of_the_encoders_maxima(
    options: dict[str, str], pooled: str, unpooled: str, small: Small
) -> None:
    model = small("segnet", **options)
    tensors = [model.get_layer(name).output for name in (pooled, unpooled)]
    image = np.random.default_rng(3).integers(0, 256, (2, 64, 64, 3), np.uint8)
    before, after = keras.Model(model.input, tensors)(image, training=False)
    positions = windows(to_numpy(before)).argmax(axis=1)
    found = windows(to_numpy(after))
    elsewhere = np.arange(4) != positions[:, np.newaxis]
    assert not found[elsewhere].any()
    assert np.count_nonzero(found) > len(found) / 5  # ReLU leaves zeros among the values


def windows(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 2x2 windows of maps (B, H, W, C), one a row: (B H/2 W/2 C, 4)."""
    count, height, width, channels = maps.shape
    parts = maps.reshape(count, height // 2, 2, width // 2, 2, channels)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
