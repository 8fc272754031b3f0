"""A network small enough to compile in a second, and data that it can learn in a few epochs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.networks import architectures
from faceseg.networks.blocks import convolution, image_input, logits, upsampling
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.loop import TrainingData
from faceseg.training.schedule import Epoch
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch

SIZE = (32, 32)
Compile = Callable[..., CompiledNetwork]


def build_tiny(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: int = 8,
    batch_norm_momentum: float = 0.5,
) -> keras.Model:
    """Build an encoder, two dropouts (for a random state in the checkpoint) and a decoder.

    A dropout without its own seed would draw from torch's global generator, which is not saved.
    """
    image, outputs = image_input(*input_shape[:2])
    skip = convolution(outputs, width, "encoder_1", batch_norm_momentum)
    outputs = keras.layers.AveragePooling2D(2, name="pool")(skip)
    outputs = convolution(outputs, 2 * width, "encoder_2", batch_norm_momentum)
    outputs = keras.layers.Dropout(0.2, seed=1, name="dropout_1")(outputs)
    outputs = upsampling(outputs, width, "decoder", batch_norm_momentum)
    outputs = keras.layers.Concatenate(name="concat")([outputs, skip])
    outputs = keras.layers.Dropout(0.2, seed=2, name="dropout_2")(outputs)
    return keras.Model(image, logits(outputs, num_classes), name="tiny")


def add_tiny(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(architectures.BUILDERS, "tiny", build_tiny)
    patch.setattr(architectures, "ARCHITECTURES", (*architectures.ARCHITECTURES, "tiny"))


@pytest.fixture(autouse=True)
def _tiny_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny(monkeypatch)


def draw(count: int, seed: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield squares of skin with two eyes, each class in a colour of its own, with noise."""
    draws = np.random.default_rng(seed)
    colours = np.array([[20, 20, 20], [200, 150, 120], [40, 40, 220], [40, 220, 40]])
    for _ in range(count):
        labels = np.zeros(SIZE, np.uint8)
        top, left = draws.integers(2, 8, 2)
        labels[top : top + 20, left : left + 20] = 1
        labels[top + 4 : top + 9, left + 2 : left + 8] = 2
        labels[top + 4 : top + 9, left + 12 : left + 18] = 3
        image = colours[labels] + draws.normal(0, 20, (*SIZE, 3))
        yield np.clip(image, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def material(
    tmp_path_factory: pytest.TempPathFactory,
    write_pack: Callable[..., Split],
    four_classes: ClassSet,
) -> TrainingData:
    """8 images to train on, 3 steps an epoch in batches of 3; 4 images to validate on."""
    folder = tmp_path_factory.mktemp("pack")
    training = write_pack(folder, "train", draw(8, seed=0), SIZE)
    validation = write_pack(folder, "val", draw(4, seed=1), SIZE)
    return TrainingData(training, validation, four_classes)


@pytest.fixture(scope="session")
def settings() -> TrainingSettings:
    """Four epochs of three steps, with everything that could depend on chance."""
    return TrainingSettings(epochs=4, batch_size=3, learning_rate=0.02)


@pytest.fixture(scope="session")
def spec() -> NetworkSpec:
    """The tiny network."""
    return NetworkSpec(architecture="tiny", image_size=SIZE, num_classes=4)


@pytest.fixture(scope="session")
def compile_tiny(spec: NetworkSpec) -> Compile:
    """Compile the tiny network, once a session for each schedule unless `fresh`."""
    made: dict[str, CompiledNetwork] = {}

    def get(settings: TrainingSettings, fresh: bool = False) -> CompiledNetwork:
        with pytest.MonkeyPatch.context() as patch:
            add_tiny(patch)
            if fresh:
                return CompiledNetwork(spec, settings)
            key = CompiledNetwork.cache_key(spec, settings)
            if key not in made:
                made[key] = CompiledNetwork(spec, settings)
            return made[key]

    return get


@pytest.fixture
def compiled(compile_tiny: Compile, settings: TrainingSettings) -> CompiledNetwork:
    """The session's tiny network with the default schedule, which other tests have used."""
    return compile_tiny(settings)


@pytest.fixture
def run(
    compiled: CompiledNetwork, settings: TrainingSettings, material: TrainingData, tmp_path: Path
) -> Callable[..., Any]:
    """Return `train` with the session's network, settings and images, and the test's folder."""
    from faceseg.training.loop import train

    def go(
        network: CompiledNetwork | None = None,
        folder: Path = tmp_path / "checkpoints",
        seed: int = 5,
        on_epoch: Callable[[Epoch], bool] = lambda epoch: True,
        *,
        on_step: Any = None,
        on_saved: Any = None,
        stopwatch: Stopwatch | None = None,
        **changed: Any,
    ) -> Any:
        return train(
            network or compiled,
            settings.model_copy(update=changed),
            material,
            seed=seed,
            folder=folder,
            on_epoch=on_epoch,
            on_step=on_step,
            on_saved=on_saved,
            stopwatch=stopwatch,
        )

    return go


def timeless(history: tuple[Epoch, ...]) -> list[dict[str, float]]:
    """Return the metrics without the measured times."""
    return [
        {
            name: value
            for name, value in epoch.metrics.items()
            if "seconds" not in name and name != "images_per_second"
        }
        for epoch in history
    ]


@pytest.fixture(scope="session")
def same_history() -> Callable[[tuple[Epoch, ...], tuple[Epoch, ...]], None]:
    """Assert that two histories have the same numbers, to the last bit."""

    def check(one: tuple[Epoch, ...], other: tuple[Epoch, ...]) -> None:
        assert [each.number for each in one] == [each.number for each in other]
        for mine, theirs in zip(timeless(one), timeless(other), strict=True):
            assert mine.keys() == theirs.keys()
            for name, value in mine.items():
                np.testing.assert_array_equal(value, theirs[name], err_msg=name)

    return check
