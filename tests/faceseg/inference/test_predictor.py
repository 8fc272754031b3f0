"""Labels have the photograph's own size and the right position to the pixel."""

import tracemalloc
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor, labels_from_logits, load, resize_logits, softmax

SIDES = st.integers(1, 40)
# OpenCV computes positions in float32, 4e-6 off at 40; logits change by up to 8 a pixel.
ROUNDING = 4e-5


class ConstantNetwork:
    """A network that predicts the same label map, one-hot, for every image."""

    def __init__(self, labels: NDArray[np.integer], classes: int, strength: float = 1.0) -> None:
        self.input_shape = (None, *labels.shape, 3)
        self.logits = strength * np.eye(classes, dtype=np.float32)[labels]
        self.seen: list[NDArray[Any]] = []

    def predict_on_batch(self, images: NDArray[Any]) -> NDArray[np.float32]:
        self.seen.append(images)
        return np.stack([self.logits] * len(images))


def half_pixel(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return bilinear interpolation, written out: centres at (i + 1/2), the border repeated."""
    result = maps.astype(np.float64)
    for axis, new in enumerate(size):
        old = result.shape[axis]
        positions = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        below = np.floor(positions).astype(int)
        above = np.minimum(below + 1, old - 1)
        share = np.expand_dims(positions - below, tuple(range(1, result.ndim)))
        moved = np.moveaxis(result, axis, 0)
        result = np.moveaxis((1 - share) * moved[below] + share * moved[above], 0, axis)
    return result


def photograph(*size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


@given(SIDES, SIDES)
def test_a_photograph_of_any_size_gets_labels_of_that_size(height: int, width: int) -> None:
    network = ConstantNetwork(np.arange(12).reshape(3, 4) % 5, 5)
    labels = Predictor(network, LAPA).predict(photograph(height, width))
    assert labels.shape == (height, width)
    assert labels.dtype == np.uint8
    assert network.seen[0].shape == (1, 3, 4, 3)
    assert network.seen[0].dtype == np.uint8


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([1, 2, 5, 11]))
def test_logits_are_enlarged_with_pixel_centres_kept(
    old: tuple[int, int], new: tuple[int, int], channels: int
) -> None:
    logits = np.random.default_rng(1).standard_normal((*old, channels)).astype(np.float32)
    found = resize_logits(logits, new)
    assert found.shape == (*new, channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, half_pixel(logits, new), atol=ROUNDING)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([1, 2, 5, 11]))
def test_labels_are_the_argmax_of_the_enlarged_logits(
    old: tuple[int, int], new: tuple[int, int], channels: int
) -> None:
    logits = np.random.default_rng(1).standard_normal((*old, channels)).astype(np.float32)
    by_hand = half_pixel(logits, new)
    ranked = np.sort(by_hand, axis=-1)
    sure = ranked[..., -1] - ranked[..., -2] > 2 * ROUNDING if channels > 1 else np.full(new, True)
    np.testing.assert_array_equal(
        labels_from_logits(logits, new)[sure], by_hand.argmax(axis=-1)[sure]
    )


def test_a_large_photograph_does_not_fill_the_memory() -> None:
    # Its enlarged logits would be 12 million pixels x 11 classes x 4 bytes = 528 MB.
    logits = np.random.default_rng(1).standard_normal((256, 256, 11)).astype(np.float32)
    tracemalloc.start()
    labels = labels_from_logits(logits, (3000, 4000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.shape == (3000, 4000)
    assert most < 100e6


def test_more_classes_than_opencv_has_channels_are_enlarged_too() -> None:
    logits = np.random.default_rng(1).standard_normal((3, 4, 254)).astype(np.float32)
    np.testing.assert_allclose(resize_logits(logits, (7, 9)), half_pixel(logits, (7, 9)), atol=1e-5)


def test_four_pixels_double_in_place() -> None:
    # Worked by hand: the new pixels are at 1/4 and 3/4 between the centres; the border is repeated.
    enlarged = resize_logits(np.array([[[0.0], [8.0]]], np.float32), (1, 4))
    np.testing.assert_array_equal(enlarged[0, :, 0], [0, 2, 6, 8])


@pytest.mark.parametrize("factor", [2, 7, 8])
def test_edges_have_the_right_position_to_the_pixel(factor: int) -> None:
    # Rows 3 to 8 and columns 5 to 11 of 16 x 16; a shift of one pixel would fail.
    small = np.zeros((16, 16), int)
    small[3:9, 5:12] = 1
    size = (16 * factor, 16 * factor)
    labels = Predictor(ConstantNetwork(small, 2), LAPA).predict(photograph(*size))
    row, column = labels[6 * factor], labels[:, 8 * factor]
    np.testing.assert_array_equal(np.flatnonzero(row), np.arange(5 * factor, 12 * factor))
    np.testing.assert_array_equal(np.flatnonzero(column), np.arange(3 * factor, 9 * factor))
    by_hand = half_pixel(np.eye(2, dtype=np.float32)[small], size).argmax(axis=-1)
    np.testing.assert_array_equal(labels, by_hand)


def test_a_symmetric_map_stays_symmetric() -> None:
    half = np.random.default_rng(2).integers(0, 4, (8, 4))
    mirrored = np.concatenate([half, half[:, ::-1]], axis=1)
    probabilities = Predictor(ConstantNetwork(mirrored, 4), LAPA).probabilities(photograph(37, 53))
    np.testing.assert_allclose(probabilities, probabilities[:, ::-1], atol=1e-6)


def test_the_image_is_resized_to_the_grid_by_areas() -> None:
    # Four by four pixels to two by two: each is the mean of four.
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, axis=2) * 10
    network = ConstantNetwork(np.zeros((2, 2), int), 2)
    Predictor(network, LAPA).predict(image)
    np.testing.assert_array_equal(network.seen[0][0, ..., 1], [[25, 45], [105, 125]])


def test_labels_are_the_networks_at_its_own_size() -> None:
    labels = np.random.default_rng(3).integers(0, 11, (6, 9))
    np.testing.assert_array_equal(
        Predictor(ConstantNetwork(labels, 11), LAPA).predict(photograph(6, 9)), labels
    )


def test_probabilities_are_the_softmax_of_the_enlarged_logits() -> None:
    labels = np.array([[0, 1]])
    found = Predictor(ConstantNetwork(labels, 2, strength=4.0), LAPA).probabilities(
        photograph(1, 4)
    )
    # Logits of class 1 over the four pixels: 0, 1, 3, 4; those of class 0 are reversed.
    odds = np.exp(np.array([0, 1, 3, 4]) - np.array([4, 3, 1, 0]))
    np.testing.assert_allclose(found[0, :, 1], odds / (1 + odds), rtol=1e-5)


def test_the_softmax_is_correct_for_large_logits() -> None:
    found = softmax(np.array([[1e4, 0.0], [-1e4, -1e4]], np.float32))
    np.testing.assert_array_equal(found, [[1, 0], [0.5, 0.5]])


@pytest.mark.parametrize(
    "image",
    [
        photograph(4, 4) / np.float32(255),
        photograph(4, 4)[..., 0],
        photograph(4, 4)[..., :1],
        photograph(4, 4)[None],
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        photograph(4, 4).astype(np.int64),
    ],
    ids=["float", "flat", "grey", "batch", "alpha", "empty", "int64"],
)
def test_anything_but_one_uint8_photograph_is_rejected(image: NDArray[Any]) -> None:
    predictor = Predictor(ConstantNetwork(np.zeros((2, 2), int), 2), LAPA)
    for call in (predictor.predict, predictor.probabilities):
        with pytest.raises(ValueError, match=r"expected one uint8 RGB image \(H, W, 3\), got"):
            call(image)


def test_a_keras_network_is_traced_once_and_uses_its_current_weights() -> None:
    traces = []

    class CountedConvolution(keras.layers.Conv2D):
        def call(self, inputs: Any) -> Any:
            traces.append(inputs.shape)
            return super().call(inputs)

    image = keras.Input((4, 4, 3))
    network = keras.Model(image, CountedConvolution(11, 1, kernel_initializer="ones")(image))
    predictor = Predictor(network, LAPA)
    traces.clear()
    for count in (1, 3, 2):
        images = [np.full((8, 8, 3), 10 * place, np.uint8) for place in range(count)]
        expected = np.arange(count)[:, None, None, None] * np.full((4, 4, 11), 30.0)
        np.testing.assert_allclose(predictor.logits(images), expected)
    if keras.backend.backend() == "tensorflow":  # the other backends trace for every size, or never
        assert len(traces) == 1
    network.set_weights([np.zeros((1, 1, 3, 11)), np.arange(11.0)])
    answer = predictor.logits([np.full((8, 8, 3), 7, np.uint8)])
    np.testing.assert_allclose(answer[0, 0, 0], np.arange(11.0))


@pytest.mark.parametrize("names", [(), ("a.keras", "b.keras")])
def test_a_folder_must_contain_one_model(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(
        UserError, match=f"contains {len(names)} .keras files; expected exactly one"
    ):
        load(tmp_path)


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*nothing\.keras"):
        load(str(tmp_path / "nothing.keras"))


def test_a_network_that_mlflow_does_not_have_is_named_with_its_store(tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        with pytest.raises(
            UserError, match=r"faceseg@champion cannot .*mlflow\.db: .*not found"
        ) as e:
            load("models:/faceseg@champion")
    finally:
        mlflow.set_tracking_uri(before)
    assert "Set MLFLOW_TRACKING_URI to the store of the model" in str(e.value)


def test_an_address_of_the_registry_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded = []

    def download(address: str) -> Path:
        downloaded.append(address)
        return tmp_path

    monkeypatch.setattr("faceseg.inference.predictor._download", download)
    for address in ("models:/faceseg@champion", "runs:/abc/model"):
        with pytest.raises(UserError, match=r"contains 0 \.keras files"):
            load(address)
    assert downloaded == ["models:/faceseg@champion", "runs:/abc/model"]
