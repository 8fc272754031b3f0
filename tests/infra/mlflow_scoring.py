"""`mlflow models serve` and `mlflow models predict` on a model, as documented by MLflow."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.infra.processes import free_port, is_listening, wait_until

START_TIMEOUT = 600.0  # seconds for a server to start on a very busy machine


def command(*words: object) -> list[str]:
    """Return a call of `mlflow models` in this environment."""
    return [sys.executable, "-m", "mlflow", "models", *map(str, words), "--env-manager", "local"]


@contextmanager
def scoring_server(model: object, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `mlflow models serve`; yield its address when it is ready."""
    port = free_port()
    own = Path(sys.executable).parent  # MLflow starts uvicorn by name
    path = f"{own}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **(variables or {})}
    with subprocess.Popen(
        command("serve", "-m", model, "-p", port, "-h", "127.0.0.1"),
        env=environment,
        stdout=sys.stderr,
        start_new_session=True,
    ) as process:
        try:
            wait_until(
                "the model's server listens",
                lambda: is_listening("127.0.0.1", port) or process.poll() is not None,
                START_TIMEOUT,
            )
            address = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{address}/ping", timeout=START_TIMEOUT):
                yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def post_invocation(address: str, content: Mapping[str, object]) -> tuple[int, dict[str, Any]]:
    """Send a request to a model server; return the status and the response."""
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=START_TIMEOUT) as response:
            return response.status, json.loads(response.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def label_map(text: object) -> NDArray[np.uint8]:
    """Return the labels (H, W) in a response."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(str(text)))))
