"""Writes of checkpoints that a test delays, breaks or watches, and the end of a process."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faceseg.training import checkpointing
from faceseg.training.checkpointing import BEST

Write = Callable[[], None]


class Killed(BaseException):
    """Stands for the end of a process."""


def around_write(monkeypatch: pytest.MonkeyPatch, call: Callable[[Path, int, Write], None]) -> None:
    """Let `call` write each file: it is given the path, the epoch, and what writes the file."""
    write = checkpointing.write_checkpoint

    def replaced(path: Path, state: dict[str, Any], **groups: list[Any]) -> None:
        epoch = state["epoch"] if path.name == BEST else len(state["history"])
        call(path, epoch, lambda: write(path, state, **groups))

    monkeypatch.setattr(checkpointing, "write_checkpoint", replaced)


def slow(path: Path, epoch: int, write: Write) -> None:
    """Write later than an epoch takes here."""
    time.sleep(0.3)
    write()
