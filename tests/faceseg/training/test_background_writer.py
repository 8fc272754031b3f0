"""Checkpoints are written by a thread while the next epoch runs, and none is lost unnoticed."""

import errno
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.training import checkpointing, loop
from faceseg.training.background_writer import BackgroundWriter
from faceseg.training.checkpointing import BEST, LATEST, host_copies, read_state
from faceseg.training.loop import Epoch
from faceseg.training.schedule import best_epoch

from .write_interception import Write, around_write, slow

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_thread_remains() -> Any:
    yield
    assert not [each.name for each in threading.enumerate() if "faceseg-writer" in each.name]


def test_copies_do_not_share_the_memory_of_variables() -> None:
    class View:
        """A variable whose array is a view of its memory, as torch's on a CPU."""

        memory = np.zeros(4, np.float32)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.memory[:]

    variables = [View(), keras.Variable(np.zeros(4, np.float32))]
    copies = host_copies(variables)
    View.memory[:] = 1
    variables[1].assign(np.ones(4, np.float32))
    for each in copies:
        np.testing.assert_array_equal(each, np.zeros(4))
        assert not any(np.shares_memory(each, np.asarray(variable)) for variable in variables)


def test_one_copy_at_a_time_is_in_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Any]] = []

    def copy(variables: list[Any]) -> list[Any]:
        copies = host_copies(variables)
        if len(alive) % 2 == 0:  # the model's; the optimizer's copy belongs to the same checkpoint
            until = time.monotonic() + 10
            while any(each() is not None for each in alive) and time.monotonic() < until:
                time.sleep(0.01)
            assert not any(each() is not None for each in alive)
        alive.append(weakref.ref(copies[0]))
        return copies

    around_write(monkeypatch, slow)
    monkeypatch.setattr(checkpointing, "host_copies", copy)
    run(epochs=3)
    assert len(alive) == 2 * 3


@pytest.mark.parametrize("epochs", [4, 2])
def test_a_full_disk_ends_the_training_with_the_error_of_the_system(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, epochs: int
) -> None:
    """It is found at the next checkpoint; after the last epoch, before the training ends."""

    def fails(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(path: Path, number: int, write: Write) -> None:
        if number == 2:
            patch.setattr(os, "fsync", fails)
        write()

    seen: list[int] = []
    with monkeypatch.context() as patch:
        around_write(patch, full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            run(epochs=epochs, on_epoch=lambda each: seen.append(each.number) or True)
    assert raised.value.errno == errno.ENOSPC
    assert seen == [1, 2]
    folder = tmp_path / "checkpoints"
    assert len(read_state(folder / LATEST)["history"]) == 1
    assert sorted(path.name for path in folder.iterdir()) == [BEST, LATEST]
    assert len(run(epochs=epochs).history) == epochs


def test_an_error_after_the_last_write_ends_the_training(run: Run) -> None:
    def refuse() -> None:
        raise UserError("the copy cannot be stored")

    with pytest.raises(UserError, match="the copy cannot be stored"):
        run(epochs=1, on_saved=refuse)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_waits_for_the_writer(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[BaseException]
) -> None:
    def interrupt(epoch: Epoch) -> bool:
        raise error

    around_write(monkeypatch, slow)
    with pytest.raises(error):
        run(on_epoch=interrupt)
    assert (tmp_path / "checkpoints" / LATEST).exists()
    assert (tmp_path / "checkpoints" / BEST).exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"epochs": 2}, "finished"),
        ({"on_epoch": lambda epoch: False}, "pruned"),
        ({"early_stopping": 1}, "stopped early"),
    ],
)
def test_all_is_on_the_disk_when_the_training_ends(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.setattr(loop, "_validate", lambda *_: {"val/loss": 1.0, "val/iou": 0.5})
    around_write(monkeypatch, slow)
    outcome = run(**options)
    assert outcome.stop_reason == reason
    folder = tmp_path / "checkpoints"
    assert len(read_state(folder / LATEST)["history"]) == len(outcome.history)
    assert read_state(folder / BEST)["epoch"] == outcome.best_epoch


def test_the_caller_is_told_of_complete_pairs_of_files(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    pairs: list[tuple[int, bool]] = []

    def note() -> None:
        history = [Epoch(**each) for each in read_state(folder / LATEST)["history"]]
        assert read_state(folder / BEST)["epoch"] == best_epoch(history).number
        own = threading.current_thread() is not threading.main_thread()
        pairs.append((len(history), own))

    validated = iter((0.1, 0.2))
    monkeypatch.setattr(loop, "_validate", lambda *_: {"val/loss": 1.0, "val/iou": next(validated)})
    run(epochs=2, on_saved=note)
    (folder / BEST).unlink()  # as if the process had ended between the two files
    run(epochs=2, on_saved=note)
    assert pairs == [(1, True), (2, True), (2, False)]


def test_an_error_of_the_writer_is_noted_on_the_exception_that_ends_the_context() -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    def submit(error: Exception | None) -> None:
        with BackgroundWriter() as writer:
            writer.submit(fail)
            if error:
                raise error

    with pytest.raises(ValueError, match="first") as raised:
        submit(ValueError("first"))
    (note,) = raised.value.__notes__
    assert "Input/output error" in note
    with pytest.raises(OSError, match="Input/output error"):
        submit(None)
