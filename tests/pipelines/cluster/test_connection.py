"""The way to Ray: which address is meant, and what is said where nobody answers or lets us in."""

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
from tests.infra import ray_nodes
from tests.infra.processes import free_port
from tests.infra.ray_nodes import RayNodes

CONNECT = """
import sys
from faceseg.errors import UserError
from pipelines.config import Resources
from pipelines.cluster import connection
try:
    print("ours:", connection.connect(Resources(address=sys.argv[1])))
    print("size:", connection.size(Resources(workers=7)), connection.size(Resources()))
except UserError as error:
    print("refused:", error)
"""


@pytest.fixture(autouse=True)
def without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_an_address_is_the_experiments_or_the_environments_or_none(
    monkeypatch: pytest.MonkeyPatch,
):
    assert connection.ray_address(Resources()) is None
    assert connection.ray_address(Resources(address="local")) is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert connection.ray_address(Resources()) == "10.0.0.1:6379"
    assert connection.ray_address(Resources(address="10.0.0.2:6379")) == "10.0.0.2:6379"
    assert connection.ray_address(Resources(address="local")) is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://10.0.0.1:8265", "send it there with `faceseg submit EXPERIMENT"),
        ("ray://10.0.0.1:10001", "a study runs on the cluster itself"),
        ("10.0.0.1", "expected HOST:PORT of the head node"),
        ("10.0.0.1:head", "expected HOST:PORT of the head node"),
        ("no-such-host.invalid:6379", "no Ray answers at no-such-host.invalid:6379"),
        ("127.0.0.1:99999", "no Ray answers at 127.0.0.1:99999"),
    ],
)
def test_an_address_that_cannot_be_is_refused_before_ray_is_asked(address: str, words: str):
    with pytest.raises(UserError, match=words):
        connection.connect_ray(Resources(address=address))
    assert not ray.is_initialized()


def test_an_address_where_nobody_listens_is_told_at_once():
    """Ray would try for two minutes, then end the process."""
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=f"no Ray answers at {address} .*refused"):
        connection.connect_ray(Resources(address=address))


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    """A head and one node that want a token."""
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
def test_a_cluster_is_joined_by_its_token_and_may_be_asked_for_more_than_it_has(nodes: RayNodes):
    """It has one CPU; more nodes may come."""
    assert connect(nodes, **nodes.client) == "ours: True\nsize: 7 1\n"


@pytest.mark.ray
@pytest.mark.slow
def test_a_wrong_token_is_refused_in_a_paragraph(nodes: RayNodes):
    said = connect(nodes, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert said.startswith(f"refused: the Ray cluster at {nodes.address} refused this process")
    assert "RAY_AUTH_TOKEN_PATH" in said
    assert "Traceback" not in said
