"""An interrupted training resumes where it stopped, and rejects the checkpoints of another."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.networks import ARCHITECTURES
from faceseg.training import loop
from faceseg.training.checkpointing import LATEST, read_state
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.loop import Epoch
from faceseg.training.settings import TrainingSettings

from .write_interception import Killed, Write, around_write

Run = Callable[..., Any]


def values(variables: list[keras.Variable]) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in variables]


def test_a_resumed_training_equals_an_uninterrupted_one(
    run: Run,
    compiled: CompiledNetwork,
    same_history: Callable[..., None],
    tmp_path: Path,
) -> None:
    whole = run(folder=tmp_path / "whole")
    weights = values(compiled.network.variables)

    def die(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise Killed
        return True

    with pytest.raises(Killed):
        run(folder=tmp_path / "broken", on_epoch=die)
    run(folder=tmp_path / "other", seed=77, epochs=1)  # the worker trains another trial first
    reported: list[Epoch] = []
    again = run(folder=tmp_path / "broken", on_epoch=lambda epoch: reported.append(epoch) or True)
    same_history(again.history, whole.history)
    assert (again.best_epoch, again.best_iou) == (whole.best_epoch, whole.best_iou)
    for one, other in zip(values(compiled.network.variables), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    # All epochs are reported; those before the interruption keep their times.
    assert [epoch.number for epoch in reported] == [1, 2, 3, 4]
    assert reported[1].time < reported[2].time


@pytest.mark.nightly
@pytest.mark.parametrize(
    "name", [each for each in ARCHITECTURES if not each.startswith(("reference", "tiny"))]
)
def test_every_network_resumes_bit_for_bit(
    name: str,
    run: Run,
    settings: TrainingSettings,
    same_history: Callable[..., None],
    tmp_path: Path,
) -> None:
    options = {"alpha": 0.35, "width": 0.1, "batch_norm_momentum": 0.5}
    spec = NetworkSpec(architecture=name, image_size=(32, 32), num_classes=4, options=options)
    compiled = CompiledNetwork(spec, settings)
    whole = run(compiled, tmp_path / "whole", epochs=2)
    weights = values(compiled.model.variables)

    def die(epoch: Epoch) -> bool:
        raise Killed

    with pytest.raises(Killed):
        run(compiled, tmp_path / "broken", on_epoch=die, epochs=2)
    run(compiled, tmp_path / "other", seed=77, epochs=1)
    again = run(compiled, tmp_path / "broken", epochs=2)
    same_history(again.history, whole.history)
    for one, other in zip(values(compiled.model.variables), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_training_started_again_trains_nothing(
    run: Run, same_history: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(epochs=2)
    monkeypatch.setattr(loop, "_one_epoch", None)
    second = run(epochs=2)
    assert second == first


def test_an_interruption_between_the_two_files_loses_nothing(
    run: Run, compiled: CompiledNetwork, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    first = run(epochs=1, folder=folder)
    weights = values(compiled.network.variables)
    (folder / "best.npz").unlink()
    assert run(epochs=1, folder=folder) == first
    for one, other in zip(values(compiled.network.variables), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_checkpoint_is_an_error_and_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    run(epochs=1, folder=tmp_path)
    content = (tmp_path / "latest.npz").read_bytes()
    (tmp_path / "latest.npz").write_bytes(content[:-200])
    with pytest.raises(UserError, match=r"latest\.npz is not a complete checkpoint"):
        run(epochs=2, folder=tmp_path)
    assert (tmp_path / "latest.npz").read_bytes() == content[:-200]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning_rate": 0.5}, "learning_rate was 0.02 and is now 0.5"),
        ({"seed": 6}, "seed was 5 and is now 6"),
        ({"label_smoothing": 0.1}, "label_smoothing was None and is now 0.1"),
    ],
)
def test_a_checkpoint_of_another_training_is_rejected(
    run: Run, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    run(epochs=1, folder=tmp_path)
    with pytest.raises(UserError, match=f"of another training: {re.escape(reason)}"):
        run(epochs=1, folder=tmp_path, **change)


@pytest.mark.parametrize("epoch", [1, 2, 4])
@pytest.mark.parametrize(
    ("step", "lost"),
    [("latest begins", 1), ("latest is written", 0), ("best is written", 0)],
)
def test_a_training_that_ends_between_two_steps_of_the_writer_resumes_with_equal_values(
    *,
    run: Run,
    compiled: CompiledNetwork,
    same_history: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    epoch: int,
    step: str,
    lost: int,
) -> None:
    # Every epoch is the best so far, so that both files are written for each.
    validate = loop._validate
    monkeypatch.setattr(
        loop,
        "_validate",
        lambda compiled, *others: {
            **validate(compiled, *others),
            "val/iou": float(np.asarray(compiled.optimizer.iterations)),
        },
    )
    whole = run(folder=tmp_path / "whole")
    weights = values(compiled.network.variables)

    def interrupted(path: Path, number: int, write: Write) -> None:
        if number == epoch and step == f"{path.stem} begins":
            raise Killed
        write()
        if number == epoch and step == f"{path.stem} is written":
            raise Killed

    before: list[Epoch] = []
    with monkeypatch.context() as patch:
        around_write(patch, interrupted)
        with pytest.raises(Killed):
            run(folder=tmp_path / "broken", on_epoch=lambda each: before.append(each) or True)
    assert len(before) == epoch  # the epoch was reported before it was written
    stored = tmp_path / "broken" / LATEST
    assert (len(read_state(stored)["history"]) if stored.exists() else 0) == epoch - lost

    reported: list[Epoch] = []
    again = run(folder=tmp_path / "broken", on_epoch=lambda each: reported.append(each) or True)
    same_history(again.history, whole.history)
    same_history(tuple(reported[:epoch]), tuple(before))
    assert (again.best_epoch, again.best_iou) == (whole.best_epoch, whole.best_iou)
    for one, other in zip(values(compiled.network.variables), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_next_epoch_does_not_change_what_is_written(
    run: Run, same_history: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The writer begins with epoch 1 after the last step of epoch 2."""
    whole = run(folder=tmp_path / "whole", epochs=3)
    trained = threading.Event()

    def late(path: Path, number: int, write: Write) -> None:
        assert trained.wait(60)
        write()

    def stop(epoch: int, percent: int, loss: float) -> None:
        if (epoch, percent) == (2, 100):
            trained.set()
            raise Killed

    with monkeypatch.context() as patch:
        around_write(patch, late)
        with pytest.raises(Killed):
            run(folder=tmp_path / "broken", epochs=3, on_step=stop)
    assert len(read_state(tmp_path / "broken" / LATEST)["history"]) == 1
    same_history(run(folder=tmp_path / "broken", epochs=3).history, whole.history)
