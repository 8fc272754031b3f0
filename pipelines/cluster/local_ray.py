"""Starting Ray on this machine, for this machine only."""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray
from ray._private import ray_constants

from pipelines.cluster.child_processes import ray_job_config

OPEN_TO_CLUSTERS = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")  # a token that is not in Ray's own file


def start_local_ray(num_cpus: int | None = None) -> None:
    """Start Ray on this machine. All of its processes listen on loopback addresses only.

    Programs of the same user can use it, because they can read its token.

    Args:
        num_cpus: The number of CPUs; None: those of the machine.

    Raises:
        ConnectionError: Ray does not start.
        RuntimeError: Ray does not start.
        ValueError: Ray does not start.
    """
    protect_token_file()
    with _on_loopback():
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            job_config=ray_job_config(),
            # Each node would serve its metrics on a port that requires no token.
            _system_config={"enable_metrics_collection": False},
        )


def protect_token_file() -> None:
    """Make Ray's token readable by its owner only: who has it can run code on this user's Ray.

    Ray would create the file `~/.ray/auth_token` readable by every user of the machine.
    """
    path = Path.home() / ".ray" / "auth_token"
    with suppress(OSError):  # no home, or another owner: Ray reports what it cannot read
        if path.exists():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~(stat.S_IRWXG | stat.S_IRWXO))
        elif _needs_token_file():
            _create_token_file(path)


def _needs_token_file() -> bool:
    uses_tokens = os.environ.get("RAY_AUTH_MODE", "token").lower() == "token"
    return uses_tokens and not any(os.environ.get(name) for name in TOKEN_VARIABLES)


def _create_token_file(path: Path) -> None:
    """Create a token file, complete from the start: processes may start Ray at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as unfinished:  # with mode 0600
        unfinished.write(secrets.token_hex(32))  # as Ray's own
        unfinished.flush()
        os.link(unfinished.name, path)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Make Ray use 127.0.0.1 as this machine's address, as it does by default on macOS.

    On Linux it otherwise uses an address of the network, also where 127.0.0.1 is given to
    `ray.init`, and its processes listen on all addresses. Ray reads the variable when it is
    imported; this process has imported it, its child processes have not.
    """
    enabled, variable = ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(OPEN_TO_CLUSTERS)
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[OPEN_TO_CLUSTERS] = "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = enabled
        if variable is None:
            del os.environ[OPEN_TO_CLUSTERS]
        else:
            os.environ[OPEN_TO_CLUSTERS] = variable
