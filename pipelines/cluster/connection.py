"""The way to Ray: a cluster at an address, or a Ray of this machine's own; and what it holds."""

import os
import socket
import subprocess
import sys
import time
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayTaskError

from faceseg.errors import UserError
from pipelines.cluster.signals import interrupt_on_sigterm
from pipelines.config import Resources
from pipelines.config.secrets import redact

CONNECT_TIMEOUT = 10.0  # seconds that a head node has to take a connection
STATUS_TIMEOUT = (
    60.0  # seconds that it then has to tell its state: Ray's own tries would take minutes
)
AUTHENTICATION_WORDS = (
    "unauthenticated",
    "invalidauthtoken",
    "authenticationerror",
    "authentication token",
)


def ray_address(resources: Resources) -> str | None:
    """Return the cluster's address; None: Ray is started on this machine."""
    address = resources.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address


def connect_ray(resources: Resources) -> bool:
    """Join the cluster, or start Ray on this machine alone. UserError if it cannot be joined.

    Returns whether the connection is ours to close: False if the process had one before.
    """
    if ray.is_initialized():
        return False
    address = ray_address(resources)
    if address is not None:
        _check_address(address)
        _check_authentication(address)
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(_unreachable(address or "local", error)) from error
    interrupt_on_sigterm()  # Ray has put a handler of its own in
    return True


def check_tracking_reachable(tracking_uri: str) -> None:
    """Refuse a database file for MLflow where workers on other nodes could not write to it."""
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1 and tracking_uri.startswith("sqlite"):
        raise UserError(
            f"Ray has {nodes} nodes, and MLflow is the file {tracking_uri}, which only one of them "
            "can write: start `mlflow server` where all can reach it and give its address with "
            "--set tracking.uri=http://HOST:5000"
        )


def worker_count(resources: Resources) -> int:
    """Return how many workers to start; UserError if they would never have room.

    On a cluster there may be more than now fit: nodes come and go, and workers wait for them.
    """
    fits = sum(_fits(node["Resources"], resources) for node in ray.nodes() if node["Alive"])
    if resources.workers and ray_address(resources):
        return resources.workers
    wanted = resources.workers or fits
    if fits < max(1, wanted):
        have = ray.cluster_resources()
        raise UserError(
            f"{wanted or 1} workers of {resources.cpus:g} CPUs and {resources.gpus:g} GPUs were "
            f"asked for; Ray has {have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs, "
            f"enough for {fits}. Set resources.workers, resources.cpus or resources.gpus lower"
        )
    return wanted


def _fits(node: dict[str, float], resources: Resources) -> int:
    """Return how many workers one node holds."""
    fits = int(node.get("CPU", 0) / resources.cpus + 1e-9)
    if resources.gpus:
        fits = min(fits, int(node.get("GPU", 0) / resources.gpus + 1e-9))
    return fits


def _check_address(address: str) -> None:
    """Refuse what is not a head node's address."""
    if address.startswith(("http://", "https://", "ray://")):
        raise UserError(
            f"the Ray address {redact(address)} is that of a door for other machines; a study runs "
            f"on the cluster itself: send it there with `faceseg submit EXPERIMENT --address "
            "http://HEAD:8265`, or give resources.address as HEAD:6379 on a node of the cluster"
        )
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise UserError(
            f"the Ray address {redact(address)!r} is no address: expected HOST:PORT of the head "
            "node, such as 10.0.0.1:6379, or 'local' for a Ray of this machine alone"
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise UserError(_unreachable(address, error)) from error


def _check_authentication(address: str) -> None:
    """Ask for the cluster's state from a process of its own: it tells a wrong token at once."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=STATUS_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(_unreachable(address, error)) from error
    said = done.stdout + done.stderr
    if done.returncode and any(word in said.lower() for word in AUTHENTICATION_WORDS):
        raise UserError(
            f"the Ray cluster at {redact(address)} refused this process: its token is missing or "
            "wrong. Export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH with a file that holds the "
            "cluster's token"
        )
    if done.returncode:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise UserError(_unreachable(address, last[0]))


def _unreachable(address: str, cause: Any) -> str:
    return (
        f"no Ray answers at {redact(address)} ({redact(str(cause))[:200]}). The address is that of "
        "resources.address or RAY_ADDRESS: expected HOST:PORT of a head node that this machine "
        "reaches, or 'local' for a Ray of this machine alone"
    )


# --- Asking the coordinator: the call is made again while it restarts, and errors come as they are.

RETRY_PAUSE = 1.0  # seconds between two questions


def call_actor(method: Any, *arguments: Any, timeout: float | None = None, **options: Any) -> Any:
    """Return what the coordinator's `method` returns.

    Its calls can all be repeated. A UserError is raised as itself, not wrapped in Ray's
    traceback. Raises ray.exceptions.GetTimeoutError after `timeout` seconds.
    """
    while True:
        try:
            return ray.get(method.remote(*arguments, **options), timeout=timeout)
        except ActorUnavailableError:
            time.sleep(RETRY_PAUSE)
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            raise
