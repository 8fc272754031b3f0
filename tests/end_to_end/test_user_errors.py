"""A user error that only Ray detects: one paragraph, and no run is left running."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_more_workers_than_processors_are_refused(
    folder: Path, faceseg: Any, open_store: Any, tmp_path: Path
):
    options = ("--set", "resources.workers=9999", "--set", f"storage={tmp_path}")
    done = faceseg(folder, "study", "tiny.yaml", *options)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "9999 workers with 2 CPUs and 0 GPUs each were requested; Ray has " in errors[0]
    assert "Lower resources.workers, resources.cpus or resources.gpus" in errors[0]
    assert "Traceback" not in done.stderr
    assert [run.info.status for run in open_store(tmp_path).runs()] == ["FAILED"]
