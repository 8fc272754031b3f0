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

from faceseg.errors import UserError

LATEST = "latest.npz"
BEST = "best.npz"


def write(path: Path, state: dict[str, Any], **groups: list[Any]) -> None:
    """Write `state` (JSON) and lists of variables, replacing `path` in one step.

    The new file is complete and on disk before it takes the old one's name: a crash or a full
    disk leaves the old one.
    """
    arrays = {
        f"{group}{place}": np.asarray(variable)
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
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
    """Return the JSON part alone."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            state: dict[str, Any] = json.loads(stored["state"].tobytes())
            return state
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no checkpoint of faceseg ({error}); remove it") from error


def restore(path: Path, **groups: list[Any]) -> dict[str, Any]:
    """Assign stored arrays to variables of the same group and place; return the state."""
    state = read_state(path)
    with np.load(path, allow_pickle=False) as stored:
        for group, variables in groups.items():
            for place, variable in enumerate(variables):
                name = f"{group}{place}"
                if name not in stored or stored[name].shape != tuple(variable.shape):
                    raise UserError(
                        f"{path} belongs to another network: {name} should have shape "
                        f"{tuple(variable.shape)}; was an option of the architecture changed?"
                    )
                variable.assign(stored[name])
    return state
