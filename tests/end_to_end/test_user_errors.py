"""A mistake that only Ray can see: told like any other, and no run is left running."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_more_workers_than_processors_are_refused(
    folder: Path, faceseg: Any, open_store: Any, tmp_path: Path
):
    crowd = ("--set", "resources.workers=9999", "--set", f"storage={tmp_path}")
    done = faceseg(folder, "study", "tiny.yaml", *crowd)
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert "9999 workers of 2 CPUs and 0 GPUs were asked for; Ray has " in told[0]
    assert "Set resources.workers, resources.cpus or resources.gpus lower" in told[0]
    assert "Traceback" not in done.stderr
    assert [run.info.status for run in open_store(tmp_path).runs()] == ["FAILED"]
