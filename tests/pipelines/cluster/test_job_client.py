"""Connecting to a cluster's job server, and the error where there is none."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.cluster.job_client import job_server_address, short_cause

VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_the_option_has_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://third:8265")
    assert job_server_address(None) == "http://third:8265"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "https://second")
    assert job_server_address(None) == "https://second"
    assert job_server_address("http://first:8265/") == "http://first:8265"


@pytest.mark.parametrize("given", [None, "", "head:8265", "ray://head:10001", "http://", "auto"])
def test_other_kinds_of_addresses_are_refused(given: str | None):
    with pytest.raises(UserError, match=r"expected the address of Ray's dashboard"):
        job_server_address(given)


@pytest.mark.parametrize("given", ["http://me:geheim@head:8265", "http://head?token=geheim"])
def test_a_secret_in_the_address_is_refused_and_not_repeated(given: str):
    with pytest.raises(UserError) as refused:
        job_server_address(given)
    assert "RAY_AUTH_TOKEN_PATH" in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_a_cause_is_short_and_without_passwords():
    assert short_cause(ValueError("at http://me:geheim@head\nand more")) == "at http://me:***@head"
    assert short_cause(ValueError()) == "ValueError"
    assert len(short_cause(ValueError("x" * 999))) == 200


def test_an_unreachable_server_is_reported_in_one_paragraph(closed_port: int, tmp_path: Path):
    faceseg = Path(sys.executable).with_name("faceseg")
    done = subprocess.run(
        [faceseg, "jobs", "--address", f"http://127.0.0.1:{closed_port}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"error: Ray does not respond at http://127.0.0.1:{closed_port} ("
    )
    assert "Traceback" not in done.stderr
