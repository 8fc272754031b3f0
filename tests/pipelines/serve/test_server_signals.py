"""`faceseg serve` interrupted while Ray starts, which must not abort the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.processes import free_port, is_running, process_tree, wait_until
from tests.pipelines.serve.sample_photographs import network

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_sigterm_during_the_start_stops_the_server_and_its_child_processes(tmp_path: Path):
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
        output = process.stdout.read()
        assert process.wait(timeout=120) == 0, output
    assert output == "stopped while loading\n"
    wait_until(
        "all child processes end", lambda: not any(map(is_running, process_tree(process.pid)))
    )
