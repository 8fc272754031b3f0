"""Checkpoints of one training, written after every epoch and restored after an interruption.

The variables are copied to host memory between two epochs, and written by a thread while the next
epoch runs.

`latest.npz` contains all variables of the model and of the optimizer and the history after the
last complete epoch; `best.npz` contains the model's variables at the best epoch. Arrays are named
by their position, `m0`, `m1` … for the model and `o0` … for the optimizer; everything else is one
JSON text. Files are replaced in one step, so a checkpoint is complete or absent. Nothing is
pickled: a file from an untrusted source cannot run code.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.array_files import UNREADABLE, Arrays, read_arrays
from faceseg.errors import UserError
from faceseg.training.background_writer import BackgroundWriter
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.schedule import Epoch, best_epoch
from faceseg.training.stopwatch import CHECKPOINTS, Stopwatch

LATEST = "latest.npz"
BEST = "best.npz"

_STATE = "state"


def write_checkpoint(path: Path, state: dict[str, Any], **groups: list[Any]) -> None:
    """Write a state and lists of variables, replacing `path` in one step.

    The new file is complete and on disk before it replaces the old one, so the old one survives a
    crash or a full disk.

    Args:
        path: The file.
        state: JSON values.
        **groups: Lists of variables; the arrays of group `m` are named `m0`, `m1` ….
    """
    arrays: Arrays = {
        f"{group}{index}": np.asarray(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    arrays[_STATE] = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def host_copies(variables: list[Any]) -> list[NDArray[Any]]:
    """Return the values of variables in memory of their own.

    On a CPU the arrays of torch and JAX are views of the variables' memory, which the next step may
    overwrite.
    """
    arrays = (np.asarray(variable) for variable in variables)
    return [array if array.flags.owndata else array.copy() for array in arrays]


def read_state(path: Path) -> dict[str, Any]:
    """Return the state of a checkpoint without its variables.

    Raises:
        UserError: The file does not exist or is not a checkpoint of `write_checkpoint`.
    """
    return _state(path, _read(path, only=_STATE))


def restore_checkpoint(path: Path, **groups: list[Any]) -> dict[str, Any]:
    """Assign the stored arrays to variables of the same group and position; return the state.

    Args:
        path: The file.
        **groups: Lists of variables, as in `write_checkpoint`.

    Raises:
        UserError: The file does not exist, is damaged or belongs to another network. No variable
            is changed then.
    """
    arrays = _read(path)
    state = _state(path, arrays)
    for group, variables in groups.items():
        stored = sum(name.removeprefix(group).isdecimal() for name in arrays)
        if stored != len(variables):
            raise _different_network(
                path, f"it contains {stored} arrays {group!r}, not {len(variables)}"
            )
        for index, variable in enumerate(variables):
            given, expected = arrays[f"{group}{index}"].shape, tuple(variable.shape)
            if given != expected:
                raise _different_network(path, f"{group}{index} has shape {given}, not {expected}")
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            variable.assign(arrays[f"{group}{index}"])
    return state


def _read(path: Path, only: str | None = None) -> Arrays:
    """Read all arrays, or one, completely, so that a damaged file is found before it is used."""
    try:
        return read_arrays(path, only)
    except FileNotFoundError as error:
        raise UserError(
            f"there is no checkpoint {path}; remove its folder to train from the start"
        ) from error
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def _state(path: Path, arrays: Arrays) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
    except (ValueError, KeyError, RecursionError) as error:
        raise _damaged(path, error) from error
    return state


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} is not a complete checkpoint of faceseg ({error}); remove it to restart the "
        "training"
    )


def _different_network(path: Path, difference: str) -> UserError:
    return UserError(
        f"{path} belongs to another network: {difference}; was an option of the architecture "
        "changed? Change it back, or remove the file to train from the start"
    )


class Checkpointer:
    """The checkpoints of one training.

    The times of the stopwatch are stored with them, so that a resumed training includes the time
    that earlier attempts spent on the completed epochs. The stopwatch counts the time of the
    training's own thread: copying, reading, and waiting for the writer.

    Args:
        compiled: The network in training.
        folder: The folder of the checkpoints.
        identity: JSON values that identify the training: seed and settings.
        stopwatch: The times of the training by phase.
        writer: Writes the files; the caller ends it, also after an exception.
        on_saved: Called when the files of an epoch are on the disk, in the thread that wrote
            them, or None. Its error is that of the write.
    """

    def __init__(
        self,
        compiled: CompiledNetwork,
        folder: Path,
        identity: dict[str, Any],
        *,
        stopwatch: Stopwatch,
        writer: BackgroundWriter,
        on_saved: Callable[[], None] | None = None,
    ) -> None:
        self.compiled = compiled
        self.latest, self.best = folder / LATEST, folder / BEST
        self.identity = identity
        self.stopwatch = stopwatch
        self._writer = writer
        self._on_saved = on_saved or (lambda: None)

    def resume(self) -> list[Epoch]:
        """Restore the state after the last complete epoch and return the history.

        The history is empty if there is no checkpoint.

        Raises:
            UserError: The checkpoint is damaged or belongs to another training.
        """
        if not self.latest.exists():
            return []
        with self.stopwatch.phase(CHECKPOINTS):
            stored = read_state(self.latest)
            before = stored["identity"]
            for name in {**before, **self.identity}:  # a default may be left out of either
                if self.identity.get(name) != before.get(name):
                    raise UserError(
                        f"{self.latest} is of another training: {name} was {before.get(name)} and "
                        f"is now {self.identity.get(name)}; remove it, or set {name} as it was"
                    )
            model, optimizer = self.compiled.model.variables, self.compiled.optimizer_variables
            restore_checkpoint(self.latest, m=model, o=optimizer)
            self.stopwatch.add(stored.get("seconds", {}))  # absent in checkpoints of 0.1.0
            history = [Epoch(**epoch) for epoch in stored["history"]]
            self._write_best(history, model)  # the process may have ended between the two files
            self._on_saved()
        return history

    def save(self, history: Sequence[Epoch]) -> None:
        """Copy the state after the last epoch; it is written while the caller continues.

        Raises:
            OSError: The state of the epoch before could not be written.
            Exception: `on_saved` raised it after the epoch before.
        """
        with self.stopwatch.phase(CHECKPOINTS):
            self._writer.wait()  # here, so that no two copies are in memory
            state = {
                "identity": self.identity,
                "history": [asdict(epoch) for epoch in history],
                "seconds": self.stopwatch.seconds(),
            }
            model = host_copies(self.compiled.model.variables)
            optimizer = host_copies(self.compiled.optimizer_variables)
            epochs = tuple(history)  # the caller's list grows while this one is written
            self._writer.submit(lambda: self._write(state, epochs, model, optimizer))

    def restore_best(self) -> None:
        """Restore the network of the best epoch, when the last checkpoint is on the disk.

        Raises:
            OSError: The state of the last epoch could not be written.
            Exception: `on_saved` raised it after the last epoch.
        """
        with self.stopwatch.phase(CHECKPOINTS):
            self._writer.wait()
            restore_checkpoint(self.best, m=self.compiled.model.variables)

    def _write(
        self,
        state: dict[str, Any],
        history: Sequence[Epoch],
        model: list[Any],
        optimizer: list[Any],
    ) -> None:
        """Write both files; `resume` completes what an interruption between them leaves."""
        write_checkpoint(self.latest, state, m=model, o=optimizer)
        self._write_best(history, model)
        self._on_saved()

    def _write_best(self, history: Sequence[Epoch], model: list[Any]) -> None:
        if best_epoch(history) is history[-1]:
            write_checkpoint(self.best, {"epoch": history[-1].number}, m=model)
