"""The password and the port of the page, and the facts of its models."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config.server_access import is_loopback
from pipelines.demo import server
from pipelines.demo.networks import DemoNetwork, describe, open_networks
from pipelines.demo.server import bound_socket, password_for
from pipelines.tracking import Tracker

REQUEST_SCRIPT = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from faceseg.data.classes import LAPA
from faceseg.inference.predictor import Predictor
from pipelines.demo import server
from pipelines.demo.networks import DemoNetwork
folder = Path(sys.argv[1])
server.configure_gradio(folder)
unused_network = SimpleNamespace(input_shape=(None, 32, 32, 3))
networks = [DemoNetwork("first", (), Predictor(unused_network, LAPA))]
examples = server.draw_examples(folder / "examples")
from fastapi.testclient import TestClient
from pipelines.demo.page import build_page
page = TestClient(
    server.create_application(build_page(networks, examples, folder, None), "open sesame")
)
order = {"data": [None, "first", "none", 20, 0], "fn_index": 0, "session_hash": "s"}
open_page = TestClient(
    server.create_application(build_page(networks, examples, folder / "open", None), None)
)
def visit(host, **headers):
    post = open_page.post if "Origin" in headers else open_page.get
    return post("/config", headers={"Host": host, **headers}).status_code
def login(password):
    return page.post("/login", data={"username": "faceseg", "password": password})
print(json.dumps({
    "config": page.get("/config").status_code,
    "join": page.post("/gradio_api/queue/join", json=order).status_code,
    "upload": page.post("/gradio_api/upload", files={"files": b"x"}).status_code,
    "login with a guess": login("guess").status_code,
    "login": login("open sesame").status_code,
    "config, signed in": page.get("/config").status_code,
    "without a password": visit("127.0.0.1:7860"),
    "by another name": visit("evil.example:7860"),
    "from another page": visit("127.0.0.1:7860", Origin="https://evil.example"),
}))
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.0.1"])
def test_loopback_needs_no_password(host: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FACESEG_TOKEN", raising=False)
    assert password_for(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "my-machine", ""])
def test_other_addresses_need_a_password(host: str, monkeypatch: pytest.MonkeyPatch):
    assert not is_loopback(host)
    monkeypatch.setenv("FACESEG_TOKEN", "")
    with pytest.raises(UserError, match="FACESEG_TOKEN"):
        password_for(host)
    monkeypatch.setenv("FACESEG_TOKEN", "open sesame, please")
    assert password_for(host) == "open sesame, please"


@pytest.mark.slow
def test_a_page_serves_nothing_without_its_password_or_to_other_pages(tmp_path: Path):
    # In a separate process, because Gradio leaves event loops open, about which pytest warns.
    completed = subprocess.run(
        [sys.executable, "-c", REQUEST_SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(completed.stdout.splitlines()[-1]) == {
        "config": 401,
        "join": 401,
        "upload": 401,
        "login with a guess": 400,
        "login": 200,
        "config, signed in": 200,
        "without a password": 200,
        "by another name": 421,
        "from another page": 403,
    }


def test_a_port_in_use_is_an_error_before_any_model_is_opened():
    with bound_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}"):
            server.serve_demo(["no-such-model.keras"], Console(), port=port)


def test_a_file_is_described_by_its_origin(networks: list[DemoNetwork]):
    assert [network.title for network in networks] == ["first", "second", "third"]
    assert networks[0].facts[0] == "the first of three"
    assert networks[0].facts[-1] == "study by-hand"


def test_the_second_of_two_equal_titles_becomes_a_path(network_files: list[Path], tmp_path: Path):
    copy = shutil.copy(network_files[0], tmp_path / "first.keras")
    titles = [one.title for one in open_networks([str(network_files[0]), str(copy)], None)]
    assert titles == ["first", str(copy)]
    with pytest.raises(UserError, match="twice"):
        open_networks([str(copy)] * 3, None)


def test_a_version_is_described_by_its_tags_and_its_data(
    tracker: Tracker, experiment_id: str, monkeypatch: pytest.MonkeyPatch
):
    client = tracker.client
    run_id = client.create_run(experiment_id).info.run_id
    tracker.log_dataset(
        run_id, "drawn", "0" * 12, counts={"train": 1480, "val": 2}, image_size=[64, 48]
    )
    client.create_registered_model("tried")
    tags = {"architecture": "unet", "test_iou": "0.5215", "study": "s-1"}
    client.create_model_version("tried", "file:///nowhere", run_id, tags)
    client.set_registered_model_alias("tried", "champion", "1")
    import mlflow

    mlflow.set_tracking_uri(tracker.uri)
    expected = (
        "tried, version 1",
        "unet",
        "test IoU 0.52",
        "trained on 1,480 images of drawn faces, 48 x 64 pixels",
        "study s-1",
    )
    assert describe("models:/tried@champion", {}) == ("champion", expected)
    assert describe("models:/tried/1", {}) == ("version 1", expected)
    title, facts = describe(f"runs:/{run_id}", {})
    assert title == f"run {run_id[:8]}"
    assert "trained on 1,480 images of drawn faces, 48 x 64 pixels" in facts


def test_examples_are_drawn(tmp_path: Path):
    paths = server.draw_examples(tmp_path / "examples")
    assert len(paths) == server.EXAMPLES
    assert all(os.path.getsize(path) > 10_000 for path in paths)
