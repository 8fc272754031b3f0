"""The time of a training by phase, its validation steps, and its prefetching."""

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


def test_all_phases_of_a_training_are_measured(run: Run) -> None:
    stopwatch = Stopwatch()
    run(stopwatch=stopwatch, epochs=1)
    spent = stopwatch.seconds()
    assert {STEPS, INPUT, COMPILING, VALIDATION, CHECKPOINTS} <= spent.keys()
    assert all(seconds >= 0 for seconds in spent.values())


def test_an_attempt_includes_the_time_of_earlier_attempts(run: Run, tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818  # not an error: it stands for the end of a process
        pass

    def die(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise Killed
        return True

    first = Stopwatch()
    first.add({STEPS: 1000.0, "waiting": 50.0})
    with pytest.raises(Killed):
        run(folder=tmp_path, on_epoch=die, stopwatch=first)
    second = Stopwatch()
    run(folder=tmp_path, stopwatch=second)
    assert second.seconds()["waiting"] == 50.0
    assert 1000.0 < second.seconds()[STEPS] < 2000.0  # not added twice
    third = Stopwatch()
    run(folder=tmp_path, stopwatch=third)  # finished already, so the times are the same
    assert third.seconds()[STEPS] == pytest.approx(second.seconds()[STEPS], abs=0.5)


def test_the_validation_equals_that_of_keras(
    compiled: CompiledNetwork, settings: TrainingSettings, material: TrainingData
) -> None:
    """The loop's metrics equal those of Keras's own evaluation of the same batches."""
    compiled.reset(settings, seed=3, total_steps=4)
    batches = EvaluationBatches(material.validation, 3)
    found = compiled.steps.validate((batches[each] for each in range(2)), 3, Stopwatch())
    counts = compiled.model.confusion.counts()
    expected = compiled.model.evaluate(batches, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert found["iou"] == float(np.array(compiled.model.confusion.result()))
    np.testing.assert_array_equal(compiled.model.confusion.counts(), counts)


def test_the_next_epoch_is_prefetched_and_discarded_when_the_training_ends(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []

    class RecordedBatches(loop.TrainingBatches):
        def batch(self, epoch: int, index: int) -> Any:
            made.append((epoch, index))
            return super().batch(epoch, index)

    monkeypatch.setattr(loop, "TrainingBatches", RecordedBatches)
    run(on_epoch=lambda epoch: epoch.number < 2)  # three steps an epoch, pruned after two
    assert made[:6] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert len(made) <= 6 + 3
