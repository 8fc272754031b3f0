"""The state of a training on disk: whole or not at all, and no code in it.

`latest.npz` holds all variables of the model and of the optimiser and the history after the
last whole epoch; `best.npz` the model's variables at the best epoch. Arrays are named by
their place, `m0`, `m1` … for the model and `o0` … for the optimiser; the rest is one JSON
text. Nothing is pickled, so a file from a stranger can at worst be refused.
"""

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.schedule import Epoch, best_epoch
from faceseg.training.stopwatch import CHECKPOINTS, Stopwatch

LATEST = "latest.npz"
BEST = "best.npz"

_STATE = "state"
# What a file of which any one bit was turned can make numpy and zipfile raise.
_UNREADABLE = (ValueError, KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile)

Arrays = dict[str, NDArray[Any]]


def write_checkpoint(path: Path, state: dict[str, Any], **groups: list[Any]) -> None:
    """Write `state` (JSON) and lists of variables, replacing `path` in one step.

    The new file is complete and on disk before it takes the old one's name: a crash or a full
    disk leaves the old one.
    """
    arrays: Arrays = {
        f"{group}{place}": np.asarray(variable)
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
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


def read_state(path: Path) -> dict[str, Any]:
    """Return the JSON part alone. Raises UserError for a file that `write` did not write."""
    return _state(path, _read(path, only=_STATE))


def restore_checkpoint(path: Path, **groups: list[Any]) -> dict[str, Any]:
    """Assign stored arrays to variables of the same group and place; return the state.

    Raises UserError for a damaged file and for one of another network; no variable has
    changed then.
    """
    arrays = _read(path)
    state = _state(path, arrays)
    for group, variables in groups.items():
        stored = sum(name.removeprefix(group).isdecimal() for name in arrays)
        if stored != len(variables):
            raise _different_network(
                path, f"it holds {stored} arrays {group!r}, not {len(variables)}"
            )
        for place, variable in enumerate(variables):
            given, expected = arrays[f"{group}{place}"].shape, tuple(variable.shape)
            if given != expected:
                raise _different_network(path, f"{group}{place} has shape {given}, not {expected}")
    for group, variables in groups.items():
        for place, variable in enumerate(variables):
            variable.assign(arrays[f"{group}{place}"])
    return state


def _read(path: Path, only: str | None = None) -> Arrays:
    """Read all arrays, or one, to their end: a file is judged before it is used."""
    try:
        with path.open("rb") as stream, np.lib.npyio.NpzFile(stream, allow_pickle=False) as stored:
            names = stored.files if only is None else [only]
            return {name: stored[name] for name in names}
    except FileNotFoundError as error:
        raise UserError(
            f"there is no checkpoint {path}; remove its folder to train from the start"
        ) from error
    except _UNREADABLE as error:
        raise _damaged(path, error) from error


def _state(path: Path, arrays: Arrays) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
    except (ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    return state


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} is no whole checkpoint of faceseg ({error}); remove it, and the training "
        "starts anew"
    )


def _different_network(path: Path, difference: str) -> UserError:
    return UserError(
        f"{path} belongs to another network: {difference}; was an option of the architecture "
        "changed? Change it back, or remove the file to train from the start"
    )


# --- The checkpoints of one training: kept after every epoch, taken up again after a break.


class Checkpointer:
    """The files of one training, which `identity` (JSON) tells from any other.

    What `clock` has counted is kept with them, so that an attempt knows what those before it
    had spent on the epochs it need not train again.
    """

    def __init__(
        self, compiled: CompiledNetwork, folder: Path, identity: dict[str, Any], clock: Stopwatch
    ) -> None:
        self.compiled = compiled
        self.latest, self.best = folder / LATEST, folder / BEST
        self.identity = identity
        self.clock = clock

    def resume(self) -> list[Epoch]:
        """Take up the state after the last whole epoch; an empty history if there is none."""
        if not self.latest.exists():
            return []
        with self.clock.phase(CHECKPOINTS):
            stored = read_state(self.latest)
            for name, value in stored["identity"].items():
                if self.identity.get(name) != value:
                    raise UserError(
                        f"{self.latest} is of another training: {name} was {value} and is now "
                        f"{self.identity.get(name)}; remove it, or set {name} as it was"
                    )
            model, optimizer = self.compiled.model.variables, self.compiled.optimizer_variables
            restore_checkpoint(self.latest, m=model, o=optimizer)
            self.clock.add(stored.get("seconds", {}))  # 0.1.0 kept none
            history = [Epoch(**epoch) for epoch in stored["history"]]
            self._save_best(history, model)  # the process may have died between the two files
        return history

    def save(self, history: list[Epoch]) -> None:
        """Keep the state after the last epoch, and its network if it is the best so far."""
        with self.clock.phase(CHECKPOINTS):
            state = {
                "identity": self.identity,
                "history": [asdict(epoch) for epoch in history],
                "seconds": self.clock.seconds(),
            }
            model = [np.asarray(each) for each in self.compiled.model.variables]
            write_checkpoint(self.latest, state, m=model, o=self.compiled.optimizer_variables)
            self._save_best(history, model)

    def restore_best(self) -> None:
        """Bring the best epoch's network back."""
        with self.clock.phase(CHECKPOINTS):
            restore_checkpoint(self.best, m=self.compiled.model.variables)

    def _save_best(self, history: list[Epoch], model: list[Any]) -> None:
        if best_epoch(history) is history[-1]:
            write_checkpoint(self.best, {"epoch": history[-1].number}, m=model)
