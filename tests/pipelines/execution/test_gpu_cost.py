"""The cost of a network on a pretended GPU, and a real process that finds none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceseg.backends import device
from pipelines.execution import gpu_cost
from pipelines.execution.gpu_cost import GpuCost, measure_speed

MIB = 2**20


class ResourceExhaustedError(Exception):
    """TensorFlow's error."""


def predictor(limit: int = 99) -> Any:
    """Return a predictor that runs out of memory above a number of images."""
    sizes: list[int] = []

    def logits(images: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(images))
        if len(images) > limit:
            raise ResourceExhaustedError("failed to allocate memory")
        return np.zeros((len(images), 8, 8, 3), np.float32)

    return SimpleNamespace(grid=(8, 8), logits=logits, sizes=sizes)


def test_speed_and_memory_are_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "peak_memory", lambda: 640 * MIB)
    monkeypatch.setattr("faceseg.inference.latency.measure_throughput", lambda each: 900.0)
    found = measure_speed(predictor())
    assert found.keys() == {
        "latency/gpu_p50_ms", "latency/gpu_p95_ms", "throughput/gpu_images_per_second",
        "memory/gpu_peak_mb",
    }  # fmt: skip
    assert found["memory/gpu_peak_mb"] == 640
    assert found["throughput/gpu_images_per_second"] == 900


def test_a_batch_that_does_not_fit_leaves_out_throughput_and_memory():
    assert measure_speed(predictor(limit=1)).keys() == {"latency/gpu_p50_ms", "latency/gpu_p95_ms"}


def test_the_process_prints_the_name_of_the_gpu_and_the_metrics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    configured, loaded = [], list[int]()

    def configure(threads: int, gpus: float) -> Any:
        configured.append((threads, gpus))
        return SimpleNamespace(name="H100")

    monkeypatch.setattr(device, "configure_device", configure)
    monkeypatch.setattr(
        gpu_cost, "load_networks", lambda files, views: loaded.append(views) or files
    )
    monkeypatch.setattr(gpu_cost, "measure_speed", lambda files: {"latency/gpu_p50_ms": 1.5})
    gpu_cost.main(2, 0.25, 2, ["best.keras"])
    assert loaded == [2]
    assert configured == [(2, 0.25)]
    printed = capsys.readouterr().out
    monkeypatch.setattr(
        "pipelines.execution.cost.subprocess.run",
        lambda command, **_: SimpleNamespace(returncode=0, stdout=printed, stderr=""),
    )
    assert gpu_cost.gpu_cost([Path("best.keras")], 2, 0.25) == GpuCost(
        "H100", {"latency/gpu_p50_ms": 1.5}
    )


def test_a_process_without_a_gpu_fails_with_the_reason(tmp_path: Path):
    with pytest.raises(RuntimeError, match=r"measuring .*best\.keras failed:(.|\n)*finds none: "):
        gpu_cost.gpu_cost([tmp_path / "best.keras"], 1, 0.25)
