"""The devices whose energy can be measured: processors (RAPL) and NVIDIA's GPUs (NVML).

Linux shows Intel's and AMD's energy counters (RAPL, "running average power limit") as files, as a
rule to root only: https://docs.kernel.org/power/powercap/powercap.html. NVML counts the energy of
a GPU since the driver was loaded, from the Volta generation on.
"""

import os
import re
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from faceseg.backends.cards import ORDER, PCI_ORDER, VISIBLE, read_driver, visible_cards
from pipelines.job.energy_accounts import Device, Uses
from pipelines.job.machine_load import cpu_times

POWERCAP = Path("/sys/class/powercap")
JOULES_PER_MICROJOULE, JOULES_PER_MILLIJOULE = 1e-6, 1e-3


class RaplZone:
    """The energy of one processor package, or of its memory. Its use is the processor time.

    Args:
        folder: The zone's folder.
        node: The name of this machine: several may share a storage.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, folder: Path, node: str) -> None:
        self.name = f"{node}-{folder.name.replace(':', '-')}"
        self._file = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text()) * JOULES_PER_MICROJOULE
        self.counter()

    def counter(self) -> float:
        """Return the counter, in joules."""
        try:
            return int(self._file.read_text()) * JOULES_PER_MICROJOULE
        except ValueError as error:
            raise OSError(f"{self._file} contains no number") from error

    def joules_between(self, before: float, now: float) -> float:
        """Return the energy between two values of the counter, which begins again after its end."""
        return now - before if now >= before else now - before + self._range

    def uses(self, processes: Collection[int], state: Mapping[str, Any]) -> Uses:
        """Return the processor seconds since the last reading."""
        seconds = {each: _cpu_seconds(each) for each in processes}
        busy = cpu_times().busy
        known = {each: now for each, now in seconds.items() if now is not None}
        own = {
            each: max(0.0, now - state[str(each)])
            for each, now in known.items()
            if str(each) in state
        }
        others = max(0.0, busy - state.get("busy", busy) - sum(own.values()))
        return Uses(own, others, {"busy": busy, **{str(each): known[each] for each in known}})


def _cpu_seconds(process: int) -> float | None:
    """Return the processor seconds of a process and its ended children; None if it has ended."""
    try:
        return float(sum(psutil.Process(process).cpu_times()[:4]))
    except psutil.Error:
        return None


def rapl_zones(folder: Path = POWERCAP) -> list[Device]:
    """Return the processor packages and their memory; none if one of them cannot be read.

    Zones inside a package, and the zone `psys` of the whole machine, contain what packages count.
    """
    node = re.sub("[^A-Za-z0-9-]+", "-", socket.gethostname())
    try:
        zones = sorted(folder.glob("intel-rapl:*"))
        names = {zone: (zone / "name").read_text().strip() for zone in zones}
        return [
            RaplZone(zone, node)
            for zone, name in names.items()
            if name.startswith("package-") or name == "dram"
        ]
    except (OSError, ValueError):
        return []


class NvmlCard:
    """A GPU. The use is the share of the time in which a process's kernels ran on it.

    Args:
        nvml: The module `pynvml`, initialised.
        uuid: The GPU's, `GPU-…`.

    Raises:
        nvml.NVMLError: Its energy cannot be read.
    """

    def __init__(self, nvml: Any, uuid: str) -> None:
        self.name = uuid
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)

    def counter(self) -> float:
        """Return the counter, in joules."""
        try:
            millijoules = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError as error:
            raise OSError(str(error)) from error
        return float(millijoules) * JOULES_PER_MILLIJOULE

    def joules_between(self, before: float, now: float) -> float:
        """Return the energy between two values of the counter, which a new driver begins at 0."""
        return max(0.0, now - before)

    def uses(self, processes: Collection[int], state: Mapping[str, Any]) -> Uses:
        """Return the utilisation by process since the last reading.

        All of it is 0 where the driver does not list these processes, as in a container with
        process numbers of its own or on a MIG instance: then the workers' shares count.
        """
        since, samples, listed = int(state.get("time", 0)), [], set()
        with suppress(self._nvml.NVMLError):
            running = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
            listed = {each.pid for each in running}
            samples = self._nvml.nvmlDeviceGetProcessUtilization(self._handle, since)
        samples = [each for each in samples if each.timeStamp > since]
        latest = max((each.timeStamp for each in samples), default=since)
        if not listed & set(processes):
            return Uses({}, 0.0, {"time": latest})
        own = dict.fromkeys(processes, 0.0)
        others = 0.0
        for each in samples:
            if each.pid in own:
                own[each.pid] += each.smUtil
            else:
                others += each.smUtil
        return Uses(own, others, {"time": latest})


def gpu_cards(count: int, environment: Mapping[str, str] = os.environ) -> list[Device]:
    """Return the first GPUs that CUDA shows this process.

    Args:
        count: How many the process uses.
        environment: The variables of the process.

    Returns:
        None of them if the energy of one cannot be read, or if CUDA may count the GPUs in another
        order than the driver.
    """
    import pynvml

    driver = read_driver()
    visible = visible_cards(driver.cards, environment)[:count]
    by_uuid = environment.get(VISIBLE, "").startswith(("GPU-", "MIG-"))
    if len(driver.cards) > 1 and not by_uuid and environment.get(ORDER) != PCI_ORDER:
        return []
    used = [card for card in driver.cards if {card, *card.instances} & set(visible)]
    try:
        pynvml.nvmlInit()
        return [NvmlCard(pynvml, card.uuid) for card in used]
    except pynvml.NVMLError:
        return []
