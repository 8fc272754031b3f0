"""The average follows its formula, is what is validated and stored, and resumes bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.training.checkpointing import LATEST, restore_checkpoint
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.loop import Epoch
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch
from faceseg.training.weight_average import WeightAverage

from .write_interception import Killed

Run = Callable[..., Any]
DECAY = 0.9


def values(variables: list[keras.Variable]) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in variables]


def assert_same(one: list[Any], other: list[Any]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture
def averaging(
    settings: TrainingSettings, compile_tiny: Callable[..., CompiledNetwork]
) -> CompiledNetwork:
    return compile_tiny(settings.model_copy(update={"weight_average": DECAY}))


def line() -> keras.Model:
    """Return a network of one weight and one bias."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def test_it_follows_the_formula_worked_by_hand() -> None:
    network = line()
    average = WeightAverage(network, 0.25)
    network.set_weights([np.float32([[8]]), np.float32([0])])
    average.reset()
    # Decays: 2/11, 3/12, then 4/13 > 0.25, so 0.25.
    expected = 8.0
    for weight, decay in ((19.0, 2 / 11), (5.0, 0.25), (-3.0, 0.25)):
        network.set_weights([np.float32([[weight]]), np.float32([0])])
        average.update()
        expected = decay * expected + (1 - decay) * weight
        assert values([average.average])[0][0] == pytest.approx(expected, rel=1e-6)
    # 8 -> 2/11 x 8 + 9/11 x 19 = 17 -> 8 -> -0.25
    assert expected == pytest.approx(-0.25)


def test_an_exchange_and_another_restore_every_bit() -> None:
    network = line()
    average = WeightAverage(network, 0.9)
    tiny, large = np.float32([[1e-30]]), np.float32([7e20])
    network.set_weights([tiny, large])
    average.reset()
    network.set_weights([np.float32([[3]]), np.float32([1 / 3])])
    average.swap()
    assert_same(values(network.variables), [tiny, large])
    average.swap()
    assert_same(values(network.variables), [np.float32([[3]]), np.float32([1 / 3])])
    assert_same(values([average.average]), [np.float32([1e-30, 7e20])])


def test_it_averages_the_weights_of_the_training_without_changing_them(
    run: Run, averaging: CompiledNetwork, settings: TrainingSettings, tmp_path: Path
) -> None:
    plain = run(folder=tmp_path / "plain", epochs=1)
    averaged = run(averaging, tmp_path / "averaged", epochs=1, weight_average=DECAY)
    for name in ("train/loss", "train/iou"):
        assert averaged.history[0].metrics[name] == plain.history[0].metrics[name]
    assert averaged.history[0].metrics["val/loss"] != plain.history[0].metrics["val/loss"]

    # Step by step outside the loop: the states after 0, 1, 2 and 3 steps of one epoch.
    states: list[list[Any]] = []
    averaging.reset(settings, 5, 3)
    states.append(values(averaging.network.variables))
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    labels = images[..., 0] % 4
    for _ in range(3):
        averaging.steps.train([(images, labels)], 3, Stopwatch(), lambda *_: None)
        states.append(values(averaging.network.variables))
    expected = states[0]
    for number, state in enumerate(states[1:], 1):
        decay = min(DECAY, (1 + number) / (10 + number))
        expected = [
            decay * old + (1 - decay) * new for old, new in zip(expected, state, strict=True)
        ]
    with averaging.averaged():
        found = values(averaging.network.variables)
    for variable, mine, theirs in zip(averaging.network.variables, found, expected, strict=True):
        if "float" in variable.dtype:  # weights, and BatchNorm's moving statistics
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6, err_msg=variable.path)
    assert_same(values(averaging.network.variables), states[-1])


def test_the_outcome_is_the_average_of_the_best_epoch(
    run: Run, averaging: CompiledNetwork, tmp_path: Path
) -> None:
    averages: dict[int, list[Any]] = {}

    def note(epoch: Epoch) -> bool:
        with averaging.averaged():
            averages[epoch.number] = values(averaging.network.variables)
        return True

    outcome = run(averaging, tmp_path, on_epoch=note, weight_average=DECAY)
    floats = ["float" in each.dtype for each in averaging.network.variables]
    found = values(averaging.network.variables)
    for mine, theirs, is_float in zip(found, averages[outcome.best_epoch], floats, strict=True):
        if is_float:
            np.testing.assert_array_equal(mine, theirs)


def test_a_resumed_training_with_an_average_equals_an_uninterrupted_one(
    run: Run, averaging: CompiledNetwork, same_history: Callable[..., None], tmp_path: Path
) -> None:
    whole = run(averaging, tmp_path / "whole", weight_average=DECAY)
    weights = values(averaging.network.variables)

    def die(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise Killed
        return True

    with pytest.raises(Killed):
        run(averaging, tmp_path / "broken", on_epoch=die, weight_average=DECAY)
    run(averaging, tmp_path / "other", seed=77, epochs=1, weight_average=DECAY)
    again = run(averaging, tmp_path / "broken", weight_average=DECAY)
    same_history(again.history, whole.history)
    assert_same(values(averaging.network.variables), weights)
    for folder in ("whole", "broken"):  # the last files: the state after the last epoch
        restore_checkpoint(tmp_path / folder / LATEST, m=averaging.model.variables)
        state = values(averaging.model.variables)
        if folder == "whole":
            last = state
    assert_same(state, last)
