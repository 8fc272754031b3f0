"""The registered model served and run by MLflow's own commands."""

import base64
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.registry import publish
from tests.infra.mlflow_scoring import (
    START_TIMEOUT,
    command,
    label_map,
    post_invocation,
    scoring_server,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    publish.write_model(folder, network_file, "# a card")
    return folder


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[str]:
    with scoring_server(model) as address:
        yield address


def half_red() -> str:
    """Return an image in base64: left red, right blue, 30 rows of 50 pixels."""
    image = np.zeros((30, 50, 3), dtype=np.uint8)
    image[:, :25, 0] = image[:, 25:, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_the_server_labels_images_and_refuses_other_input(server: str):
    status, response = post_invocation(server, {"inputs": [{"image": half_red()}] * 2})
    assert status == 200
    for text in response["predictions"]:
        found = label_map(text)
        assert found.shape == (30, 50)
        assert np.all(found[:, :24] == 1)
        assert np.all(found[:, 26:] == 3)
    options = {"probabilities": True}
    status, response = post_invocation(
        server, {"inputs": [{"image": half_red()}], "params": options}
    )
    assert status == 200
    found = np.load(io.BytesIO(base64.b64decode(response["predictions"][0])), allow_pickle=False)
    assert found.shape == (30, 50, 11)
    status, response = post_invocation(server, {"inputs": [{"image": "no base64?"}]})
    assert status == 400
    assert "image 0 is not base64" in str(response)


def test_the_command_labels_a_file_of_inputs(model: Path, tmp_path: Path):
    inputs, outputs = tmp_path / "inputs.json", tmp_path / "outputs.json"
    inputs.write_text(json.dumps({"inputs": [{"image": half_red()}]}), encoding="utf-8")
    words = command("predict", "-m", model, "-i", inputs, "-o", outputs, "-t", "json")
    done = subprocess.run(words, capture_output=True, text=True, timeout=START_TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    (text,) = json.loads(outputs.read_text(encoding="utf-8"))["predictions"]
    assert np.all(label_map(text)[:, :24] == 1)
