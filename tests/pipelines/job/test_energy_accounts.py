"""The energy of a shared device, split among processes: worked by hand, and always the whole."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.job import energy_accounts
from pipelines.job.energy_accounts import EnergyAccounts, Uses

FIRST, SECOND, THIRD = 11, 12, 13


class FakeDevice:
    """A device whose counter and whose use by process the test sets."""

    name = "GPU-1"

    def __init__(self) -> None:
        self.joules = 1000.0
        self.used: dict[int, float] = {}
        self.others = 0.0
        self.is_broken = False

    def counter(self) -> float:
        if self.is_broken:
            raise OSError("lost")
        return self.joules

    def joules_between(self, before: float, now: float) -> float:
        return now - before

    def uses(self, processes: Collection[int], state: Mapping[str, Any]) -> Uses:
        """Each use is read once, as NVML's samples are."""
        own = {each: self.used.pop(each, 0.0) for each in processes}
        others, self.others = self.others, 0.0
        return Uses(own, others, {})


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture(autouse=True)
def alive(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    found = {FIRST, SECOND, THIRD}
    monkeypatch.setattr(energy_accounts.psutil, "pid_exists", found.__contains__)
    return found


def others(folder: Path) -> float:
    found: float = json.loads((folder / "energy-GPU-1.json").read_text())["others"]
    return found


def test_energy_is_split_by_use_and_other_programs_pay_for_theirs(
    device: FakeDevice, tmp_path: Path
):
    first, second = (EnergyAccounts(tmp_path, device, each) for each in (FIRST, SECOND))
    first.open(0.5)
    device.joules += 100  # the first is alone
    second.open(0.5)
    device.joules += 120
    device.used, device.others = {FIRST: 30, SECOND: 10}, 20
    assert second.read() == 120 * 10 / 60
    assert first.read() == 100 + 120 * 30 / 60
    assert others(tmp_path) == 120 * 20 / 60
    assert first.close() == 160
    device.joules += 7
    assert second.close() == 27
    assert others(tmp_path) == 40


def test_a_device_at_rest_is_split_by_the_workers_shares(device: FakeDevice, tmp_path: Path):
    small, large = (EnergyAccounts(tmp_path, device, each) for each in (FIRST, SECOND))
    small.open(0.25)
    large.open(0.75)
    device.joules += 8
    assert (small.close(), large.close()) == (2, 6)


def test_a_killed_workers_energy_is_not_given_to_the_others(
    device: FakeDevice, tmp_path: Path, alive: set[int]
):
    first, second = (EnergyAccounts(tmp_path, device, each) for each in (FIRST, SECOND))
    first.open(0.5)
    second.open(0.5)
    device.joules += 8
    first.read()
    alive.remove(FIRST)
    device.joules += 8
    assert second.read() == 8  # it was killed at some time before this reading
    device.joules += 8
    assert second.close() == 16
    assert others(tmp_path) == 8


def test_a_new_attempt_of_the_same_process_begins_at_zero(device: FakeDevice, tmp_path: Path):
    account = EnergyAccounts(tmp_path, device, FIRST)
    account.open(1)
    device.joules += 5
    account.open(1)
    device.joules += 3
    assert account.close() == 3
    assert others(tmp_path) == 5
    assert account.close() == 0


@pytest.mark.parametrize("text", ["", "[]", '{"counter": 1, "joules": {"x": 1}, "shares": {}}'])
def test_a_damaged_file_is_replaced(device: FakeDevice, tmp_path: Path, text: str):
    (tmp_path / "energy-GPU-1.json").write_text(text)
    account = EnergyAccounts(tmp_path, device, FIRST)
    account.open(1)
    device.joules += 5
    assert account.close() == 5


STEPS = st.tuples(
    st.sampled_from(["open", "read", "close", "kill"]),
    st.sampled_from([FIRST, SECOND, THIRD]),
    st.floats(0, 1e4),
    st.dictionaries(st.sampled_from([FIRST, SECOND, THIRD]), st.integers(0, 100)),
    st.integers(0, 100),
)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEPS, min_size=3, max_size=10))
def test_the_accounts_and_the_others_add_up_to_the_device(
    steps: list[Any], tmp_path_factory: pytest.TempPathFactory
):
    """Of any workers that begin, end and are killed in any order."""
    folder, device, closed = tmp_path_factory.mktemp("accounts"), FakeDevice(), 0.0
    with pytest.MonkeyPatch.context() as patch:
        alive: set[int] = {FIRST, SECOND, THIRD}
        patch.setattr(energy_accounts.psutil, "pid_exists", alive.__contains__)
        EnergyAccounts(folder, device, FIRST).read()  # the counter's first value
        for action, process, joules, used, by_others in steps:
            device.joules += joules
            device.used, device.others = dict(used), by_others
            account = EnergyAccounts(folder, device, process)
            if action == "kill":
                alive.discard(process)
            elif process in alive and action == "open":
                account.open(0.5)
            elif process in alive:
                closed += account.close() if action == "close" else 0 * account.read()
        EnergyAccounts(folder, device, FIRST).read()
    book = json.loads((folder / "energy-GPU-1.json").read_text())
    whole = closed + sum(book["joules"].values()) + book["others"]
    assert whole == pytest.approx(device.joules - 1000, abs=1e-6)
