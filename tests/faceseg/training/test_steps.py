"""Where the time of a training goes, and what is traced for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceseg.data.batches import EvaluationBatches
from faceseg.training import loop
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.loop import Epoch, TrainingData
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import CHECKPOINTS, COMPILING, INPUT, STEPS, VALIDATION, Stopwatch

Run = Callable[..., Any]


def test_the_phases_of_a_training_are_told_and_add_up(run: Run) -> None:
    clock = Stopwatch()
    run(clock=clock, epochs=1)
    spent = clock.seconds()
    assert {STEPS, INPUT, COMPILING, VALIDATION, CHECKPOINTS} <= spent.keys()
    assert all(seconds >= 0 for seconds in spent.values())


def test_an_attempt_knows_what_those_before_it_had_spent(run: Run, tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818  no error: the end of a process
        pass

    def die(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise Killed
        return True

    first = Stopwatch()
    first.add({STEPS: 1000.0, "waiting": 50.0})
    with pytest.raises(Killed):
        run(folder=tmp_path, report=die, clock=first)
    second = Stopwatch()
    run(folder=tmp_path, clock=second)
    assert second.seconds()["waiting"] == 50.0
    assert 1000.0 < second.seconds()[STEPS] < 2000.0  # and not twice
    third = Stopwatch()
    run(folder=tmp_path, clock=third)  # ended, and nobody was told: the same again
    assert third.seconds()[STEPS] == pytest.approx(second.seconds()[STEPS], abs=0.5)


def test_a_step_is_the_model_s_own(
    compiled: CompiledNetwork, settings: TrainingSettings, material: TrainingData
) -> None:
    """What the loop adds up is what Keras's evaluation finds, batch by batch."""
    compiled.reset(settings, seed=3, total_steps=4)
    batches = EvaluationBatches(material.validation, 3)
    found = compiled.steps.validate((batches[each] for each in range(2)), Stopwatch())
    counts = compiled.model.confusion.counts()
    expected = compiled.model.evaluate(batches, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert found["iou"] == float(np.array(compiled.model.confusion.result()))
    np.testing.assert_array_equal(compiled.model.confusion.counts(), counts)


def test_the_next_epoch_is_made_ahead_and_left_when_the_training_ends(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    class Noted(loop.TrainingBatches):
        def batch(self, epoch: int, index: int) -> Any:
            asked.append((epoch, index))
            return super().batch(epoch, index)

    monkeypatch.setattr(loop, "TrainingBatches", Noted)
    run(report=lambda epoch: epoch.number < 2)  # three steps an epoch, pruned after two
    assert asked[:6] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert len(asked) <= 6 + 3
