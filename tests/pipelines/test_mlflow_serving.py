"""The registered model behind MLflow's own commands, as MLflow documents them."""

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
from PIL import Image

from pipelines import registry
from tests.infra.processes import free_port

pytestmark = pytest.mark.slow

WAIT = 120  # seconds for a server to come up on a busy machine


@pytest.fixture(scope="module")
def model(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    registry.write_model(folder, network_file, "# a card")
    return folder


def mlflow(*words: object) -> list[str]:
    return [sys.executable, "-m", "mlflow", "models", *map(str, words), "--env-manager", "local"]


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[str]:
    """Run `mlflow models serve` until it answers."""
    port = free_port()
    command = mlflow("serve", "-m", model, "-p", port, "-h", "127.0.0.1")
    own = Path(sys.executable).parent  # MLflow starts uvicorn by its name
    environment = {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(f"{address}/ping")
            yield address
        finally:
            os.killpg(process.pid, 15)


def _wait(address: str) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def asked(address: str, content: dict[str, object]) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def half_red() -> str:
    """Left red, right blue, 30 rows of 50 pixels, as base64 of a PNG."""
    image = np.zeros((30, 50, 3), dtype=np.uint8)
    image[:, :25, 0] = image[:, 25:, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def labels(text: object) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(str(text)))))


def test_the_server_labels_images_and_refuses_what_is_none(server: str):
    status, answer = asked(server, {"inputs": [{"image": half_red()}] * 2})
    assert status == 200
    for text in answer["predictions"]:
        found = labels(text)
        assert found.shape == (30, 50)
        assert np.all(found[:, :24] == 1)
        assert np.all(found[:, 26:] == 3)
    options = {"probabilities": True}
    status, answer = asked(server, {"inputs": [{"image": half_red()}], "params": options})
    assert status == 200
    found = np.load(io.BytesIO(base64.b64decode(answer["predictions"][0])), allow_pickle=False)
    assert found.shape == (30, 50, 11)
    status, answer = asked(server, {"inputs": [{"image": "no base64?"}]})
    assert status == 400
    assert "image 0 is no base64" in str(answer)


def test_the_command_labels_a_file_of_inputs(model: Path, tmp_path: Path):
    given, told = tmp_path / "given.json", tmp_path / "told.json"
    given.write_text(json.dumps({"inputs": [{"image": half_red()}]}), encoding="utf-8")
    command = mlflow("predict", "-m", model, "-i", given, "-o", told, "-t", "json")
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 0, done.stderr
    (text,) = json.loads(told.read_text(encoding="utf-8"))["predictions"]
    assert np.all(labels(text)[:, :24] == 1)
