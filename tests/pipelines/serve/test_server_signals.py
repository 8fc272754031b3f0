"""The command itself, told to stop while Ray starts: torn in two, that aborts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.processes import free_port, is_running, process_tree, wait_until
from tests.pipelines.serve.sample_photographs import network

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_sigterm_while_it_starts_ends_it_and_all_that_it_started(tmp_path: Path):
    command = [sys.executable, "-m", "pipelines", "serve", str(network(tmp_path / "red.keras"))]
    with subprocess.Popen(
        [*command, "--port", str(free_port())],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "COLUMNS": "500"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("loading")
        wait_until("Ray starts", lambda: len(process_tree(process.pid)) > 1)
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        assert process.wait(timeout=120) == 0, said
    assert said == "stopped while it was loading\n"
    wait_until(
        "all that it started ends", lambda: not any(map(is_running, process_tree(process.pid)))
    )
