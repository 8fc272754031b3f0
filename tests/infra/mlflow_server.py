"""A real MLflow server for tests, started with the words that infra/compose.yaml starts it with."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.infra.processes import free_port, kill_process_tree

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "infra" / "compose.yaml"
AUTHENTICATION = REPOSITORY / "infra" / "mlflow-auth.ini"
ADMIN, PASSWORD = "admin", "a-password-for-tests"  # MLflow wants twelve characters


def options() -> dict[str, str]:
    """Return the options of `mlflow server` in the Compose file, without their dashes."""
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["mlflow"]
    assert service["entrypoint"] == ["mlflow", "server"]
    given = (option.removeprefix("--").split("=", 1) for option in service["command"])
    defaults = re.compile(r"\$\{\w+:-([^}]*)\}")
    return {name: defaults.sub(r"\1", value) for name, value in given}


class MlflowServer:
    """`mlflow server` on a free port of this machine; `stop` and `start` keep what it stores.

    store: the address of its database. environment: what it needs beside, such as PGPASSWORD.
    auth: the file of `--app-name basic-auth`; None: everybody may do everything.
    """

    def __init__(
        self,
        folder: Path,
        store: str,
        environment: Mapping[str, str] | None = None,
        auth: Path | None = None,
        workers: int = 1,
    ) -> None:
        self.port = free_port()
        self.folder = folder
        self._options = options() | {
            "backend-store-uri": store,
            "artifacts-destination": str(folder / "artifacts"),
            "host": "127.0.0.1",
            "port": str(self.port),
            "workers": str(workers),
        }
        self.environment = {
            **os.environ,
            **(environment or {}),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        self.environment.pop("MLFLOW_TRACKING_URI", None)
        if auth is None:
            del self._options["app-name"]
        else:
            self.environment |= {
                "MLFLOW_AUTH_CONFIG_PATH": str(auth),
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-key-for-tests",
            }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process; the workers are children of it."""
        assert self._process is not None
        return self._process.pid

    @property
    def credentials(self) -> dict[str, str]:
        """The environment of a client that may do everything."""
        return {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "mlflow-server.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.wait()

    def wait(self, seconds: float = 120) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy():
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            time.sleep(0.2)

    def launch(self) -> None:
        """Start it and do not wait."""
        words = [f"--{name}={value}" for name, value in self._options.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *words],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
            )

    def is_healthy(self) -> bool:
        """Return whether it says that it is well."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Kill -9 it and its workers."""
        kill_process_tree(self._process)
        self._process = None


@contextmanager
def running(
    folder: Path,
    store: str,
    environment: Mapping[str, str] | None = None,
    auth: Path | None = None,
    workers: int = 1,
) -> Iterator[MlflowServer]:
    """A server for as long as the context lasts."""
    server = MlflowServer(folder, store, environment, auth, workers)
    try:
        server.start()
        yield server
    finally:
        server.stop()
