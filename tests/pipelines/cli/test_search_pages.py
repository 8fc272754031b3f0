"""`faceseg ui --search`, with a fake of Optuna's dashboard, which is an extra."""

import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.cli import search_pages
from pipelines.cli.search_pages import only_from_loopback
from tests.infra.processes import free_port
from tests.pipelines.cli.conftest import RunCommand


def page(environment: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [])
    return [b"the dashboard"]


@pytest.fixture
def storages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The storages that the fake dashboard is given."""
    found: list[Any] = []
    fake = SimpleNamespace(wsgi=lambda storage: found.append(storage) or page)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", fake)
    monkeypatch.setattr("pipelines.search.database.open_storage", lambda url: url)
    return found


class Server:
    """Notes where it listens, and is interrupted at once."""

    def __init__(self, host: str, port: int, application: Any, **_: Any) -> None:
        self.place = (host, port)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def serve_forever(self) -> None:
        assert self.place[0] == "127.0.0.1"
        raise KeyboardInterrupt


def test_the_dashboard_opens_the_experiments_searches_on_this_machine_only(
    command: RunCommand, tiny: Path, storages: list[Any], monkeypatch: pytest.MonkeyPatch
):
    Path("results").mkdir()
    Path("results/optuna.db").touch()
    monkeypatch.setattr(search_pages, "make_server", Server)
    port = free_port()
    code, out, err = command("ui", str(tiny), "--search", "--port", str(port))
    assert (code, err) == (0, "")
    assert out.startswith("searches of tiny-")
    assert out.endswith(f": http://127.0.0.1:{port}/dashboard/\n")
    assert [str(each) for each in storages] == [f"sqlite:///{Path('results/optuna.db').resolve()}"]


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1:5000", "200 OK"),
        ("localhost:5000", "200 OK"),
        ("localhost", "200 OK"),  # of port 80
        ("evil.example:5000", "403 Forbidden"),
        ("localhost.evil.example:5000", "403 Forbidden"),
        ("", "403 Forbidden"),
    ],
)
def test_a_request_under_another_name_is_refused(host: str, answer: str):
    """Another site's page could reach the server by a name that resolves to this machine."""
    answers: list[str] = []
    body = only_from_loopback(page)({"HTTP_HOST": host}, lambda status, _: answers.append(status))
    assert answers == [answer]
    assert (list(body) == [b"the dashboard"]) == (answer == "200 OK")


def test_what_is_missing_is_named(
    command: RunCommand, tiny: Path, storages: list[Any], monkeypatch: pytest.MonkeyPatch
):
    code, out, err = command("ui", str(tiny), "--search")
    assert (code, out) == (2, "")
    assert "optuna.db does not exist: no search of this experiment has begun" in err
    Path("results").mkdir()
    Path("results/optuna.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = command("ui", str(tiny), "--search", "--port", str(port))
    assert code == 2
    assert "another program uses it; give another --port" in err
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    code, _, err = command("ui", str(tiny), "--search")
    assert code == 2
    assert "pip install 'faceseg[search-ui]'" in err
