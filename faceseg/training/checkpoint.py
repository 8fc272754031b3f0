"""The state of a training on disk: whole or not at all, and no code in it.

`latest.npz` holds all variables of the model and of the optimiser and the history after the
last whole epoch; `best.npz` the model's variables at the best epoch. Arrays are named by
their place, `m0`, `m1` … for the model and `o0` … for the optimiser; the rest is one JSON
text. Nothing is pickled, so a file from a stranger can at worst be refused.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError

LATEST = "latest.npz"
BEST = "best.npz"

_STATE = "state"
# What a file of which any one bit was turned can make numpy and zipfile raise.
_UNREADABLE = (ValueError, KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile)

Arrays = dict[str, NDArray[Any]]


def write(path: Path, state: dict[str, Any], **groups: list[Any]) -> None:
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


def restore(path: Path, **groups: list[Any]) -> dict[str, Any]:
    """Assign stored arrays to variables of the same group and place; return the state.

    Raises UserError for a damaged file and for one of another network; no variable has
    changed then.
    """
    arrays = _read(path)
    state = _state(path, arrays)
    for group, variables in groups.items():
        stored = sum(name.removeprefix(group).isdecimal() for name in arrays)
        if stored != len(variables):
            raise _other_network(path, f"it holds {stored} arrays {group!r}, not {len(variables)}")
        for place, variable in enumerate(variables):
            given, expected = arrays[f"{group}{place}"].shape, tuple(variable.shape)
            if given != expected:
                raise _other_network(path, f"{group}{place} has shape {given}, not {expected}")
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


def _other_network(path: Path, difference: str) -> UserError:
    return UserError(
        f"{path} belongs to another network: {difference}; was an option of the architecture "
        "changed? Change it back, or remove the file to train from the start"
    )
