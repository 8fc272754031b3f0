"""Measure what an attempt at a job uses: the time of its worker, and energy where it is metered."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipelines.config.sections import Resources
from pipelines.job.energy_accounts import Device, EnergyAccounts
from pipelines.job.energy_devices import gpu_cards, rapl_zones
from pipelines.job.spent import Spent
from pipelines.tracking.periodic import periodically

INTERVAL = 10.0  # seconds between two readings of the meters
logger = logging.getLogger(__name__)


class CostMeter:
    """The meter of one process, which runs one attempt after the other.

    Args:
        resources: What the process uses.
        folder: A folder that the processes of this node share.
        cpus: Returns the devices that measure the energy of processors.
        gpus: Returns those of the process's first GPUs, as many as it is given.
        clock: Returns seconds.
    """

    def __init__(
        self,
        resources: Resources,
        folder: Path,
        *,
        cpus: Callable[[], Sequence[Device]] = rapl_zones,
        gpus: Callable[[int], Sequence[Device]] = gpu_cards,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resources, self._clock = resources, clock
        self._cpus = _Metered(partial(_accounts, folder, cpus), share=resources.cpus)
        count = math.ceil(resources.gpus)
        # Of several whole GPUs, each is the worker's own; of one, it has a share.
        share = min(1.0, resources.gpus) or 1.0
        self._gpus = _Metered(partial(_accounts, folder, partial(gpus, count)), share=share)
        self._started = clock()
        self._last = Spent()
        self._stopped = True
        self._lock = threading.Lock()  # between the thread that measures and the one that stops

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Measure while the context is open."""
        self._started, self._last, self._stopped = self._clock(), Spent(), False
        self._cpus.open()
        if self._resources.gpus:
            self._gpus.open()
        try:
            with periodically(self._measure, INTERVAL, "cost-meter"):
                yield
        finally:
            self.stop()

    def stop(self) -> Spent:
        """End the measurement, unless it has ended; return what the attempt has used."""
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._last = self._spent(self._cpus.close(), self._gpus.close())
            return self._last

    def last(self) -> Spent:
        """Return the last measurement of the attempt; it is at most some seconds old."""
        return self._last

    def _measure(self) -> None:
        with self._lock:
            if not self._stopped:
                self._last = self._spent(self._cpus.read(), self._gpus.read())

    def _spent(self, cpu_joules: float | None, gpu_joules: float | None) -> Spent:
        seconds = self._clock() - self._started
        return Spent.of(seconds, self._resources, cpu_joules, gpu_joules)


class _Metered:
    """The accounts of one kind of device; None in place of joules if one cannot be used."""

    def __init__(self, find: Callable[[], list[EnergyAccounts]], share: float) -> None:
        self._find, self._share = find, share
        self._found: list[EnergyAccounts] | None = None
        self._open: list[EnergyAccounts] = []

    def open(self) -> None:
        if self._found is None:
            self._found = self._find()
        self._open = self._found
        self._each(lambda account: account.open(self._share))

    def read(self) -> float | None:
        return self._each(EnergyAccounts.read)

    def close(self) -> float | None:
        joules = self._each(EnergyAccounts.close)
        self._open = []
        return joules

    def _each(self, action: Callable[[EnergyAccounts], float | None]) -> float | None:
        """Return the sum over the devices; none is measured any more once one has failed."""
        if not self._open:
            return None
        try:
            return sum(action(account) or 0.0 for account in self._open)
        except OSError as error:
            logger.warning("the energy of this attempt is not measured: %s", error)
            self._open = []
            return None


def _accounts(folder: Path, find: Callable[[], Sequence[Device]]) -> list[EnergyAccounts]:
    return [EnergyAccounts(folder, device) for device in find()]
