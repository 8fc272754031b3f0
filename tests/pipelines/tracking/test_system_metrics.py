"""What a card's driver tells reaches the run: through MLflow's own monitor, and the outbox."""

import time
from types import SimpleNamespace

import pytest
from mlflow.system_metrics.metrics import gpu_monitor

from pipelines.tracking.system_metrics import log_system_metrics


class Box:
    """Keeps what a run is told."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    def metrics(self, values: dict[str, float], step: int | None) -> None:
        assert step is None
        self.told |= values


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """One card that is half full, four fifths busy and draws 350 of its 700 watts."""
    stand_in = SimpleNamespace(
        NVMLError=Exception,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=40e9, total=80e9),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=80),
        nvmlDeviceGetPowerUsage=lambda handle: 350_000,
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 700_000,
    )
    monkeypatch.setattr(gpu_monitor, "pynvml", stand_in)


@pytest.mark.usefixtures("driver")
def test_a_run_is_told_how_busy_and_how_full_the_card_is_and_what_it_draws() -> None:
    box = Box()
    with log_system_metrics(box, interval=0.02):  # type: ignore[arg-type]
        deadline = time.monotonic() + 20
        while not box.told and time.monotonic() < deadline:
            time.sleep(0.02)
    found = {key: value for key, value in box.told.items() if "gpu" in key}
    assert found == {
        "system/gpu_0_memory_usage_percentage": 50.0,
        "system/gpu_0_memory_usage_megabytes": 40_000.0,
        "system/gpu_0_utilization_percentage": 80.0,
        "system/gpu_0_power_usage_watts": 350.0,
        "system/gpu_0_power_usage_percentage": 50.0,
    }
