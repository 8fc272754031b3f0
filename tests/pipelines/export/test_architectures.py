"""Every architecture in every format labels as Keras does, in the runtime of the format."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from faceseg.data.classes import ClassSet
from faceseg.data.drawn import draw_face
from faceseg.inference.predictor import Predictor, resize_logits
from faceseg.networks.layers import (
    AdaptiveAveragePooling,
    BilinearResize,
    MaxPoolWithIndices,
    MaxUnpool,
)
from pipelines.export.converters import in_float32
from pipelines.export.sample_images import SampleImages
from pipelines.export.verification import export_and_verify
from pipelines.models.exported_models import open_exported
from pipelines.models.formats import ExportTarget

FLOAT32_CASES = [
    *((name, "onnx") for name in ("unet", "pspnet", "segnet")),
    *((name, "litert") for name in ("unet", "pspnet", "segnet")),
    (
        "segnet",
        "saved-model",
    ),  # runs the same TensorFlow operations as Keras, so one network suffices
    *(
        pytest.param(name, format_name, marks=pytest.mark.nightly)
        for name in ("deeplabv3plus", "lraspp", "segformer", "bisenet", "hrnet")
        for format_name in ("onnx", "litert")
    ),
]
REDUCED_PRECISION_CASES = [("onnx", "int8"), ("litert", "float16"), ("litert", "int8")]


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "format_name"), FLOAT32_CASES)
def test_labels_of_an_odd_sized_photograph_are_those_of_keras(
    architecture: str,
    format_name: str,
    small: Callable[[str], Predictor],
    faces: SampleImages,
    tmp_path: Path,
):
    predictor = small(architecture)
    result = export_and_verify(predictor, faces, ExportTarget(format_name, "float32"), tmp_path, {})
    assert result.refused == ()
    exported = open_exported(tmp_path)
    photograph = draw_face("odd", 150).image[:101, :77]
    np.testing.assert_allclose(
        exported.logits([photograph, photograph[:, ::-1]])[0],
        predictor.logits([photograph])[0],
        atol=0.01,
    )
    labels, expected = exported.predict(photograph), predictor.predict(photograph)
    assert labels.shape == (101, 77)
    # Labels may differ only where two classes tie in Keras.
    best = np.sort(resize_logits(predictor.logits([photograph])[0], (101, 77)), axis=-1)
    tied = best[..., -1] - best[..., -2] < 0.001
    assert (tied | (labels == expected)).all()
    assert (labels == expected).mean() > 0.999


@pytest.fixture(scope="module")
def shallow(few: ClassSet) -> Predictor:
    """Return a shallow network with pooling indices and adaptive pooling, for 8-bit precision.

    Its grid is wider than high, so that swapping height and width fails the test.
    """
    image = keras.Input((64, 96, 3))
    scaled = layers.Rescaling(1 / 127.5, -1.0)(image)
    features = layers.Conv2D(
        8, 3, padding="same", activation="relu", kernel_initializer=keras.initializers.HeNormal(1)
    )(scaled)
    values, indices = MaxPoolWithIndices()(features)
    sparse = layers.Rescaling(0.2)(MaxUnpool()(values, indices))  # in 8 bits many maxima tie
    scene = BilinearResize(64, 96)(AdaptiveAveragePooling(3)(features))
    together = layers.Concatenate()([scaled, sparse, scene])
    weights = keras.initializers.RandomNormal(seed=2)
    outputs = layers.Conv2D(len(few), 1, kernel_initializer=weights)(together)
    return Predictor(keras.Model(image, outputs), few)


@pytest.mark.parametrize(("format_name", "precision"), REDUCED_PRECISION_CASES)
def test_reduced_precision_agrees_with_keras(
    format_name: str, precision: str, shallow: Predictor, faces: SampleImages, tmp_path: Path
):
    wide = SampleImages(widened(faces.test[:8]), widened(faces.calibration[:8]), "drawn faces")
    result = export_and_verify(shallow, wide, ExportTarget(format_name, precision), tmp_path, {})
    assert result.refused == ()
    assert result.agreement.largest > 0  # so it is not a float32 file
    assert open_exported(tmp_path).grid == (64, 96)


def widened(images: np.ndarray) -> np.ndarray:
    return np.pad(images, ((0, 0), (0, 0), (16, 16), (0, 0)), mode="edge")


def test_a_network_of_mixed_precision_is_exported_in_float32():
    image = keras.Input((32, 32, 3))
    mixed = layers.Conv2D(8, 3, dtype="mixed_bfloat16", name="half")(image)
    network = keras.Model(image, layers.Activation("linear", dtype="float32")(mixed))
    whole = in_float32(network)
    assert whole.get_layer("half").compute_dtype == "float32"
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    expected = keras.ops.conv(pixels, network.get_layer("half").kernel)
    np.testing.assert_allclose(whole.predict_on_batch(pixels), expected, rtol=1e-3, atol=1e-2)
    assert in_float32(whole) is whole
