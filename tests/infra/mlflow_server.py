"""An MLflow server for tests, started with the options in infra/compose.yaml."""

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
ADMIN, PASSWORD = "admin", "a-password-for-tests"  # MLflow requires twelve characters


def options() -> dict[str, str]:
    """Return the options of `mlflow server` in the Compose file, without their dashes."""
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["mlflow"]
    assert service["entrypoint"] == ["mlflow", "server"]
    given = (option.removeprefix("--").split("=", 1) for option in service["command"])
    defaults = re.compile(r"\$\{\w+:-([^}]*)\}")
    return {name: defaults.sub(r"\1", value) for name, value in given}


class MlflowServer:
    """`mlflow server` on a free port of this machine; `stop` and `start` keep its data.

    Attributes:
        store: The address of its database.
        environment: Additional environment variables, such as PGPASSWORD.
        auth: The file of `--app-name basic-auth`; None: every client has all permissions.
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
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process of the server; the workers are its children."""
        assert self._process is not None
        return self._process.pid

    @property
    def credentials(self) -> dict[str, str]:
        """The environment of a client with all permissions."""
        return {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}

    @property
    def log(self) -> Path:
        """The output of the server."""
        return self.folder / "mlflow-server.log"

    def start(self) -> None:
        """Start the server and wait until it responds."""
        self.launch()
        self.wait()

    def wait(self, seconds: float = 120) -> None:
        """Wait until the server responds."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy():
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            time.sleep(0.2)

    def launch(self) -> None:
        """Start the server without waiting."""
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
        """Return whether the health check succeeds."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Kill the server and its workers with -9."""
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
    """Run a server while the context is open."""
    server = MlflowServer(folder, store, environment, auth, workers)
    try:
        server.start()
        yield server
    finally:
        server.stop()
