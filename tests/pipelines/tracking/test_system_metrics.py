"""The values of a GPU's driver reach the run, through MLflow's monitor and the outbox."""

import time
from types import SimpleNamespace

import pytest
from mlflow.system_metrics.metrics import gpu_monitor

from pipelines.tracking.system_metrics import log_system_metrics


class Box:
    """Collects the metrics that are recorded."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def metrics(self, values: dict[str, float], step: int | None) -> None:
        assert step is None
        self.values |= values


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU: half of its memory is used, its load is 80 %, it draws 350 of 700 watts."""
    fake = SimpleNamespace(
        NVMLError=Exception,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=40e9, total=80e9),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=80),
        nvmlDeviceGetPowerUsage=lambda handle: 350_000,
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 700_000,
    )
    monkeypatch.setattr(gpu_monitor, "pynvml", fake)


@pytest.mark.usefixtures("driver")
def test_the_load_memory_and_power_of_a_gpu_are_recorded() -> None:
    box = Box()
    with log_system_metrics(box, interval=0.02):  # type: ignore[arg-type]
        deadline = time.monotonic() + 20
        while not box.values and time.monotonic() < deadline:
            time.sleep(0.02)
    found = {key: value for key, value in box.values.items() if "gpu" in key}
    assert found == {
        "system/gpu_0_memory_usage_percentage": 50.0,
        "system/gpu_0_memory_usage_megabytes": 40_000.0,
        "system/gpu_0_utilization_percentage": 80.0,
        "system/gpu_0_power_usage_watts": 350.0,
        "system/gpu_0_power_usage_percentage": 50.0,
    }
