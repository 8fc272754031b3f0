"""The energy of a device that several processes share, split among them by their use.

Each device has one file of accounts, which all of its workers update under a lock. Whichever of
them reads the device's counter first splits the energy since the reading before among all of
them, in proportion to what each used in between. So no energy is counted twice, and the accounts,
with that of other programs, add up to the energy of the device.
"""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil
from filelock import FileLock

LOCK_TIMEOUT = 10.0  # seconds; a process holds the lock for milliseconds


@dataclass(frozen=True)
class Uses:
    """How much each process used a device between two readings, in any unit.

    Attributes:
        own: The use of each process that has an account.
        others: The use of all other programs.
        state: What the device's next reading requires of this one.
    """

    own: Mapping[int, float]
    others: float
    state: Mapping[str, Any]


class Device(Protocol):
    """A device with a counter of its energy."""

    name: str

    def joules_between(self, before: float, now: float) -> float:
        """Return the energy between two values of the counter."""

    def counter(self) -> float:
        """Return the counter, in joules; raise OSError if it cannot be read."""

    def uses(self, processes: Collection[int], state: Mapping[str, Any]) -> Uses:
        """Return the use since the reading that returned `state` ({}: the first reading)."""


@dataclass
class _Book:
    """The content of a file of accounts; `shares` are the shares of the device that workers have.

    `joules` and `shares` are by process, which JSON stores as text.
    """

    counter: float
    state: dict[str, Any] = field(default_factory=dict)
    joules: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    others: float = 0.0


class EnergyAccounts:
    """The accounts of one device, as one of its processes uses them.

    Args:
        folder: A folder that the processes of this node share.
        device: The device.
        process: The number of this process.
    """

    def __init__(self, folder: Path, device: Device, process: int | None = None) -> None:
        self._device = device
        self._process = str(os.getpid() if process is None else process)
        self._file = folder / f"energy-{device.name}.json"

    def open(self, share: float) -> None:
        """Open an account of this process, which has this share of the device."""
        with self._lock():
            book = self._settled()
            book.others += book.joules.get(self._process, 0.0)
            book.joules[self._process] = 0.0
            book.shares[self._process] = share
            # Only its use from now on counts.
            book.state = dict(self._device.uses([*map(int, book.joules)], book.state).state)
            self._write(book)

    def read(self) -> float:
        """Return the energy of this process since `open`, in joules."""
        with self._lock():
            book = self._settled()
            self._write(book)
        return book.joules.get(self._process, 0.0)

    def close(self) -> float:
        """Return `read`, and remove the account."""
        with self._lock():
            book = self._settled()
            joules = book.joules.pop(self._process, 0.0)
            book.shares.pop(self._process, None)
            self._write(book)
        return joules

    def _settled(self) -> _Book:
        """Return the accounts after the energy since the last reading is split."""
        now = self._device.counter()
        book = self._stored() or _Book(now)
        delta = self._device.joules_between(book.counter, now)
        uses = self._device.uses([*map(int, book.joules)], book.state)
        weights = {each: uses.own.get(int(each), 0.0) for each in book.joules}
        if not sum(weights.values()) + uses.others:  # at rest: by the workers' shares
            weights = {each: book.shares[each] for each in book.joules}
        whole = sum(weights.values()) + uses.others
        for each, weight in weights.items():
            book.joules[each] += delta * (weight / whole)
        book.others += delta * (uses.others / whole) if whole else delta
        for each in [each for each in book.joules if not psutil.pid_exists(int(each))]:
            book.others += book.joules.pop(each)  # it was killed
            book.shares.pop(each)
        book.counter, book.state = now, dict(uses.state)
        return book

    def _lock(self) -> FileLock:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self._file.with_suffix(".lock"), timeout=LOCK_TIMEOUT)

    def _stored(self) -> _Book | None:
        """Return the stored accounts; None if there are none, or if the file is damaged."""
        with suppress(OSError, ValueError, TypeError):
            book = _Book(**json.loads(self._file.read_text(encoding="utf-8")))
            if book.joules.keys() == book.shares.keys() and all(map(str.isdecimal, book.joules)):
                return book
        return None

    def _write(self, book: _Book) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(book)), encoding="utf-8")
        unfinished.replace(self._file)
