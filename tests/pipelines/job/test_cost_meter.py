"""What an attempt uses: seconds of its worker, and energy: measured, estimated or unknown."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config.sections import Resources
from pipelines.job import cost_meter
from pipelines.job.cost_meter import CostMeter
from pipelines.job.spent import Spent

from .test_energy_accounts import FakeDevice

KWH = 3.6e6  # joules


@pytest.fixture
def meter(tmp_path: Path) -> Any:
    """Make a meter with a clock that the test sets; `seconds` counts from its first attempt."""

    class Metered:
        seconds = 0.0
        device = FakeDevice()

        def of(self, gpus: float = 0.5, *, metered: bool = True, **resources: Any) -> CostMeter:
            found = [self.device] if metered else []
            return CostMeter(
                Resources(cpus=2, gpus=gpus, **resources),
                tmp_path,
                cpus=lambda: [],
                gpus=lambda count: found,
                clock=lambda: self.seconds,
            )

    return Metered()


def test_a_metered_gpu_and_an_estimated_cpu_add_up(meter: Any):
    measured = meter.of(power={"cpu": 10, "gpu": 400})
    with measured.attempt():
        meter.seconds, meter.device.joules = 60, meter.device.joules + 3000
    # 2 CPUs of 10 W for 60 s are 1200 J. The GPU's 400 W are not used: it is metered.
    assert measured.stop() == Spent(
        seconds=60,
        cpu_seconds=120,
        gpu_seconds=30,
        kwh=pytest.approx(4200 / KWH),
        estimated_kwh=pytest.approx(1200 / KWH),
    )


@pytest.mark.parametrize(
    ("power", "joules", "unknown"),
    [
        (None, 0, ("CPU", "GPU")),
        ({"cpu": 5}, 600, ("GPU",)),
        ({"cpu": 5, "gpu": 100}, 600 + 3000, ()),
    ],
)
def test_without_a_meter_energy_is_estimated_from_the_stated_power_or_unknown(
    meter: Any, power: Any, joules: float, unknown: tuple[str, ...]
):
    estimated = meter.of(metered=False, power=power)
    with estimated.attempt():
        meter.seconds = 60
    found = estimated.stop()
    assert found.kwh == found.estimated_kwh == pytest.approx(joules / KWH)
    assert found.unknown == unknown


def test_a_worker_without_a_gpu_looks_for_none(meter: Any, tmp_path: Path):
    def fail(count: int) -> Any:
        raise AssertionError

    with CostMeter(Resources(), tmp_path, cpus=lambda: [], gpus=fail).attempt():
        pass


def test_a_meter_that_fails_is_replaced_by_the_stated_power(meter: Any):
    measured = meter.of(power={"cpu": 1, "gpu": 100})
    with measured.attempt():
        meter.seconds, meter.device.is_broken = 60, True
        found = measured.stop()
    assert found.kwh == found.estimated_kwh == pytest.approx((120 + 3000) / KWH)
    meter.device.is_broken = False
    with measured.attempt():  # it is tried again
        meter.seconds, meter.device.joules = 70, meter.device.joules + 50
    assert measured.stop().kwh == pytest.approx((20 + 50) / KWH)


def test_the_measurement_is_repeated_while_the_attempt_runs_and_ends_when_it_is_stopped(
    meter: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cost_meter, "INTERVAL", 0.001)
    measured = meter.of()
    with measured.attempt():
        meter.seconds, meter.device.joules = 8, meter.device.joules + 400
        while not measured.last().seconds:
            pass
        assert measured.last().kwh == pytest.approx(400 / KWH)
        assert measured.stop().seconds == 8
        meter.seconds = 9
        assert measured.stop().seconds == measured.last().seconds == 8
    assert measured.stop().seconds == 8
