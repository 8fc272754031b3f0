"""Counters of energy, read from fakes of the kernel's files and of NVML."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pipelines.job import energy_devices
from pipelines.job.energy_accounts import EnergyAccounts
from pipelines.job.energy_devices import gpu_cards, rapl_zones
from tests.faceseg.backends.pretended_cards import DIVIDED, H100, T4, pretend

PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
US, OTHER, STRANGER = 100, 200, 300


def zone(folder: Path, name: str, label: str, microjoules: int, end: int = 262_143_328_850) -> Path:
    path = folder / name
    path.mkdir()
    for file, text in (
        ("name", label),
        ("energy_uj", microjoules),
        ("max_energy_range_uj", end),
    ):
        (path / file).write_text(f"{text}\n")
    return path


def test_packages_and_their_memory_are_read_and_what_they_contain_is_not(tmp_path: Path):
    zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 3_000_000)
    zone(tmp_path, "intel-rapl:0:1", "dram", 2_000_000)
    zone(tmp_path, "intel-rapl:1", "psys", 9_000_000)
    assert [each.counter() for each in rapl_zones(tmp_path)] == [5, 2]


def test_a_counter_that_begins_again_has_counted_to_its_end(tmp_path: Path):
    zone(tmp_path, "intel-rapl:0", "package-0", 0, end=100_000_000)
    (found,) = rapl_zones(tmp_path)
    assert found.joules_between(95, 98) == 3
    assert found.joules_between(95, 2) == pytest.approx(7)


@pytest.mark.parametrize("missing", ["energy_uj", "max_energy_range_uj", "name"])
def test_processors_are_not_measured_where_a_file_cannot_be_read(tmp_path: Path, missing: str):
    zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    (zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000) / missing).unlink()
    assert rapl_zones(tmp_path) == []
    assert rapl_zones(tmp_path / "none") == []


def test_a_processors_energy_is_split_by_processor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of 10 busy seconds, this process has 6 of its own and 1 of an ended child."""
    path = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    (device,) = rapl_zones(tmp_path)
    busy, own = [50.0], [(20.0, 5.0, 0.0, 0.0, 0.0)]
    monkeypatch.setattr(energy_devices, "cpu_times", lambda: SimpleNamespace(busy=busy[0]))
    process = SimpleNamespace(cpu_times=lambda: own[0])
    monkeypatch.setattr(psutil, "Process", lambda _: process)
    account = EnergyAccounts(tmp_path, device, os.getpid())
    account.open(1)
    busy[0], own[0] = 60.0, (25.0, 6.0, 1.0, 0.0, 0.0)
    (path / "energy_uj").write_text("30000000")
    assert account.close() == pytest.approx(30 * 7 / 10)


class FakeNvml:
    """Adds energy and processes to a pretended driver."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *cards: Any) -> None:
        pretend(monkeypatch, *cards)
        import pynvml

        self.error = pynvml.NVMLError
        self.millijoules: dict[str, int] = {card.uuid: 0 for card in cards}
        self.running: list[int] = []
        self.samples: list[tuple[int, int, int]] = []  # time, process, utilisation
        for name, function in (
            ("nvmlDeviceGetHandleByUUID", lambda uuid: uuid),
            ("nvmlDeviceGetTotalEnergyConsumption", self._energy),
            ("nvmlDeviceGetComputeRunningProcesses", self._processes),
            ("nvmlDeviceGetProcessUtilization", self._utilisation),
        ):
            setattr(pynvml, name, function)

    def _energy(self, uuid: str) -> int:
        if uuid not in self.millijoules:
            raise self.error("Not Supported")
        return self.millijoules[uuid]

    def _processes(self, uuid: str) -> list[Any]:
        return [SimpleNamespace(pid=each) for each in self.running]

    def _utilisation(self, uuid: str, since: int) -> list[Any]:
        found = [
            SimpleNamespace(timeStamp=at, pid=process, smUtil=share)
            for at, process, share in self.samples
            if at > since
        ]
        if not found:
            raise self.error("Not Found")
        return found


@pytest.fixture(autouse=True)
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "pid_exists", lambda _: True)


def test_a_cards_energy_is_split_by_the_utilisation_of_its_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Samples that were counted are not counted again."""
    nvml = FakeNvml(monkeypatch, H100)
    (card,) = gpu_cards(1, {})
    ours, theirs = (EnergyAccounts(tmp_path, card, each) for each in (US, OTHER))
    ours.open(0.5)
    theirs.open(0.5)
    nvml.running = [US, OTHER, STRANGER]
    nvml.samples = [(1, US, 60), (1, OTHER, 20), (2, US, 0), (2, OTHER, 20), (2, STRANGER, 20)]
    nvml.millijoules[H100.uuid] = 12_000
    assert ours.read() == pytest.approx(12 * 60 / 120)
    nvml.samples += [(3, OTHER, 50)]
    nvml.millijoules[H100.uuid] = 20_000
    assert theirs.read() == pytest.approx(12 * 40 / 120 + 8)
    nvml.millijoules[H100.uuid] = 22_000  # at rest: by the workers' shares
    assert (ours.close(), theirs.close()) == pytest.approx((6 + 1, 12 + 1))


def test_shares_count_where_the_driver_does_not_list_the_workers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """In a container, the driver lists processes by the numbers of the host."""
    nvml = FakeNvml(monkeypatch, H100)
    (card,) = gpu_cards(1, {})
    account = EnergyAccounts(tmp_path, card, US)
    account.open(0.25)
    nvml.running, nvml.samples = [STRANGER], [(1, STRANGER, 90)]
    nvml.millijoules[H100.uuid] = 5_000
    assert account.close() == 5


def test_the_cards_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch):
    FakeNvml(monkeypatch, T4, H100, DIVIDED)
    assert [each.name for each in gpu_cards(1, PCI)] == [T4.uuid]
    assert [each.name for each in gpu_cards(2, PCI)] == [T4.uuid, H100.uuid]
    assert [each.name for each in gpu_cards(1, PCI | {"CUDA_VISIBLE_DEVICES": "1"})] == [H100.uuid]
    by_instance = gpu_cards(1, {"CUDA_VISIBLE_DEVICES": "MIG-eeee-5"})
    assert [each.name for each in by_instance] == [DIVIDED.uuid]  # the whole card counts energy


@pytest.mark.parametrize(
    "environment", [{}, {"CUDA_VISIBLE_DEVICES": "1"}], ids=["all", "by its index"]
)
def test_a_card_that_cuda_may_number_differently_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
):
    FakeNvml(monkeypatch, T4, H100)
    assert gpu_cards(1, environment) == []


def test_a_card_without_a_counter_and_a_missing_driver_are_not_measured(
    monkeypatch: pytest.MonkeyPatch,
):
    FakeNvml(monkeypatch, T4).millijoules.clear()
    assert gpu_cards(1, PCI) == []
    pretend(monkeypatch)
    assert gpu_cards(1, PCI) == []


def test_a_card_that_is_lost_raises_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch):
    nvml = FakeNvml(monkeypatch, H100)
    (card,) = gpu_cards(1, PCI)
    nvml.millijoules.clear()
    with pytest.raises(OSError, match="Not Supported"):
        card.counter()
