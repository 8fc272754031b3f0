"""Connecting to Ray: the choice of the address, and the errors of unreachable clusters."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from faceseg.errors import UserError
from pipelines.cluster import connection
from pipelines.config import Resources
from tests.faceseg.backends.pretended_cards import H100, pretend
from tests.infra import ray_nodes
from tests.infra.processes import free_port
from tests.infra.ray_nodes import RayNodes

CONNECT = """
import sys
from faceseg.errors import UserError
from pipelines.config import Resources
from pipelines.cluster import connection
try:
    print("connected here:", connection.connect_ray(Resources(address=sys.argv[1])))
    counts = [connection.worker_count(Resources(workers=each)) for each in (7, None)]
    print("workers:", *counts)
except UserError as error:
    print("refused:", error)
"""


@pytest.fixture(autouse=True)
def without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_the_address_comes_from_the_experiment_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
):
    assert connection.ray_address(Resources()) is None
    assert connection.ray_address(Resources(address="local")) is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert connection.ray_address(Resources()) == "10.0.0.1:6379"
    assert connection.ray_address(Resources(address="10.0.0.2:6379")) == "10.0.0.2:6379"
    assert connection.ray_address(Resources(address="local")) is None


@pytest.mark.parametrize(
    ("cards", "hidden", "address", "words"),
    [
        ((), None, None, "resources.gpus; NVIDIA's driver cannot be used (NVML Shared Library"),
        ((H100,), "", None, "resources.gpus; CUDA_VISIBLE_DEVICES is '', which hides all GPUs"),
        ((H100,), None, "10.0.0.1:6379", "resources.gpus; no node has a GPU for Ray: check"),
    ],
)
def test_the_error_of_a_missing_gpu_has_the_reason_and_how_to_run_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cards: tuple, hidden: str | None, address: str | None,
    words: str,
):  # fmt: skip
    pretend(monkeypatch, *cards)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    node = {"Alive": True, "Resources": {"CPU": 2.0}}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    monkeypatch.setattr(ray, "cluster_resources", lambda: node["Resources"])
    with pytest.raises(UserError) as raised:
        connection.worker_count(Resources(gpus=1, address=address))
    assert words in str(raised.value)
    assert str(raised.value).endswith(". To run on the CPU: --set resources.gpus=0")
    with pytest.raises(UserError, match=r"or resources\.gpus$"):  # GPUs are not what is missing
        connection.worker_count(Resources(cpus=9))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://10.0.0.1:8265", "submit it with `faceseg submit EXPERIMENT"),
        ("ray://10.0.0.1:10001", "a study runs on the cluster itself"),
        ("10.0.0.1", "expected HOST:PORT of the head node"),
        ("10.0.0.1:head", "expected HOST:PORT of the head node"),
        ("no-such-host.invalid:6379", "Ray does not respond at no-such-host.invalid:6379"),
        ("127.0.0.1:99999", "Ray does not respond at 127.0.0.1:99999"),
    ],
)
def test_a_wrong_address_is_refused_before_ray_is_started(address: str, words: str):
    with pytest.raises(UserError, match=words):
        connection.connect_ray(Resources(address=address))
    assert not ray.is_initialized()


def test_an_unreachable_address_is_reported_immediately():
    """Ray itself would retry for two minutes, then end the process."""
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=f"Ray does not respond at {address} .*refused"):
        connection.connect_ray(Resources(address=address))


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    """A head and one node that require a token."""
    with (
        tempfile.TemporaryDirectory(prefix="fs-", ignore_cleanup_errors=True) as folder,
        ray_nodes.running(Path(folder), {}, nodes=1) as cluster,
    ):
        yield cluster


def connect(nodes: RayNodes, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, nodes.address],
        env={**os.environ, "RAY_ADDRESS": nodes.address, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.ray
@pytest.mark.slow
def test_the_token_connects_and_the_worker_count_may_exceed_the_cluster(nodes: RayNodes):
    """The cluster has one CPU; further nodes may be added."""
    assert connect(nodes, **nodes.client) == "connected here: True\nworkers: 7 1\n"


@pytest.mark.ray
@pytest.mark.slow
def test_a_wrong_token_is_reported_in_one_paragraph(nodes: RayNodes):
    output = connect(nodes, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert output.startswith(f"refused: the Ray cluster at {nodes.address} refused this process")
    assert "RAY_AUTH_TOKEN_PATH" in output
    assert "Traceback" not in output
