"""The log of a small study on a real Ray contains the events of all its processes."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.job.test_log import fields

pytestmark = pytest.mark.ray


def test_driver_coordinator_and_workers_log_their_events(run: Any, tmp_path: Path):
    finished = run("0:raises 1:dies", trials=3)
    text = (tmp_path / "logs" / f"{finished.context.name}.log").read_text(encoding="utf-8")
    events = [fields(line) for line in text.splitlines() if not line.startswith("    ")]
    assert {each["role"].partition("-")[0] for each in events} == {
        "driver",
        "coordinator",
        "worker",
    }
    assert len({each["process"] for each in events}) >= 4

    def of(role: str, run: str) -> list[str]:
        return [
            each["message"]
            for each in events
            if each["role"].startswith(role) and each["run"] == run
        ]

    assert any("attempt 1 started" in each for each in of("worker", "unet-trial-000"))
    assert "failed: ValueError: it broke here" in of("worker", "unet-trial-000")
    assert "    Traceback (most recent call last):" in text
    # The death of a worker and the retry of its job.
    assert any("died (its process ended" in each for each in of("driver", "unet-trial-001"))
    assert any("died: retry" in each for each in of("coordinator", "unet-trial-001"))
    assert any("attempt 2" in each for each in of("coordinator", "unet-trial-001"))
    assert any("attempt 2 started" in each for each in of("worker", "unet-trial-001"))
