"""Connecting to Ray: a cluster at an address, or a Ray started on this machine; calling actors."""

import math
import os
import socket
import subprocess
import time
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayTaskError

from faceseg.backends.cards import read_driver
from faceseg.backends.gpu_checks import ON_THE_CPU, first_problem
from faceseg.errors import UserError, without_secrets
from pipelines.cluster.child_processes import module_command, ray_job_config
from pipelines.cluster.local_ray import start_local_ray
from pipelines.cluster.ray_errors import CHECK_INTERVAL, RayWatch, start_error_message
from pipelines.cluster.signals import interrupt_on_sigterm
from pipelines.config import Resources

CONNECT_TIMEOUT = 10.0  # seconds for a head node to accept a connection
STATUS_TIMEOUT = 60.0  # seconds for it to return its status; Ray's own retries would take minutes
NO_GPU_IN_RAY = "no node has a GPU for Ray: check `nvidia-smi` there, and how Ray was started"
AUTHENTICATION_WORDS = (  # Ray's messages on a missing or wrong token contain one of these
    "unauthenticated",
    "invalidauthtoken",
    "authenticationerror",
    "authentication token",
)


def ray_address(resources: Resources) -> str | None:
    """Return the cluster's address, or None if this process must start Ray on this machine."""
    address = resources.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address


def connect_ray(resources: Resources) -> bool:
    """Connect to the cluster, or start Ray on this machine.

    Args:
        resources: Contains the address; see `ray_address`.

    Returns:
        Whether this call made the connection; False if the process was connected before. The
        caller closes only a connection that it made.

    Raises:
        UserError: The address is malformed, unreachable, or refuses this process's token; or Ray
            does not start on this machine.
    """
    address = ray_address(resources)
    if ray.is_initialized():
        _watch_ray(cluster=True)
        return False
    if address is not None:
        _check_address(address)
        _check_authentication(address)
    try:
        if address is None:
            start_local_ray()
        else:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                job_config=ray_job_config(),
            )
    except Exception as error:  # Ray raises plain ones too
        if address is None:
            raise UserError(start_error_message(error)) from error
        if isinstance(error, ConnectionError | RuntimeError | ValueError):
            raise UserError(_unreachable(address, error)) from error
        raise
    interrupt_on_sigterm()  # because Ray has installed its own handler
    _watch_ray(cluster=address is not None)
    return True


# The processes of the Ray that this process is connected to; a process has one connection.
_watches: list[RayWatch] = []


def _watch_ray(*, cluster: bool) -> None:
    _watches[:] = [RayWatch.of_connection(cluster=cluster)]


def check_ray() -> None:
    """Raise UserError if Ray's processes have died since `connect_ray`; see `RayWatch`."""
    for watch in _watches:
        watch.check()


def check_tracking_reachable(tracking_uri: str) -> None:
    """Raise UserError if MLflow is a database file and Ray has several nodes.

    Workers on other nodes could not write to the file.
    """
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1 and tracking_uri.startswith("sqlite"):
        raise UserError(
            f"Ray has {nodes} nodes, but MLflow's database is the file {tracking_uri}, which only "
            "one of them can write to: start `mlflow server` where all nodes can reach it, and "
            "give its address with --set tracking.uri=http://HOST:5000"
        )


def worker_count(resources: Resources) -> int:
    """Return how many workers to start.

    Args:
        resources: The number of workers, and the CPUs and GPUs of each.

    Returns:
        `resources.workers`, or by default as many as fit on the nodes. On a cluster, the given
        number may be larger than what fits now: workers wait for further nodes.

    Raises:
        UserError: The workers do not fit on this machine, or none fits on the cluster.
    """
    fits = sum(_fits(node["Resources"], resources) for node in ray.nodes() if node["Alive"])
    if resources.workers and ray_address(resources):
        return resources.workers
    count = resources.workers or fits
    if fits < max(1, count):
        available = ray.cluster_resources()
        raise UserError(
            f"{count or 1} workers with {resources.cpus:g} CPUs and {resources.gpus:g} GPUs each "
            f"were requested; Ray has {available.get('CPU', 0):g} CPUs and "
            f"{available.get('GPU', 0):g} GPUs, enough for {fits}. Lower resources.workers, "
            f"resources.cpus or resources.gpus{_no_gpu_advice(resources, available)}"
        )
    return count


def _no_gpu_advice(resources: Resources, available: dict[str, float]) -> str:
    """Return why Ray has no GPU, and how to do without; '' if it has one or none is requested."""
    if not resources.gpus or available.get("GPU"):
        return ""
    local = "" if ray_address(resources) else first_problem(read_driver())
    return f"; {local or NO_GPU_IN_RAY}. {ON_THE_CPU}"


def _fits(node: dict[str, float], resources: Resources) -> int:
    """Return how many workers fit on one node."""
    fits = int(node.get("CPU", 0) / resources.cpus + 1e-9)
    if resources.gpus:
        fits = min(fits, int(node.get("GPU", 0) / resources.gpus + 1e-9))
    return fits


def _check_address(address: str) -> None:
    """Raise UserError unless the address is that of a head node which accepts connections."""
    if address.startswith(("http://", "https://", "ray://")):
        raise UserError(
            f"the Ray address {address} is for clients on other machines, but a study runs "
            "on the cluster itself: submit it with `faceseg submit EXPERIMENT --address "
            "http://HEAD:8265`, or set resources.address to HEAD:6379 on a node of the cluster"
        )
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise UserError(
            f"the Ray address {address!r} is malformed: expected HOST:PORT of the head "
            "node, such as 10.0.0.1:6379, or 'local' to start Ray on this machine"
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise UserError(_unreachable(address, error)) from error


def _check_authentication(address: str) -> None:
    """Run `ray status` in a subprocess, because it reports a wrong token immediately."""
    command = module_command("ray.scripts.scripts", "status", "--address", address)
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=STATUS_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(_unreachable(address, error)) from error
    output = done.stdout + done.stderr
    if done.returncode and any(word in output.lower() for word in AUTHENTICATION_WORDS):
        raise UserError(
            f"the Ray cluster at {address} refused this process: its token is missing or "
            "wrong. Export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, the path of a file that "
            "contains the cluster's token"
        )
    if done.returncode:
        last = output.strip().splitlines()[-1:] or ["no output"]
        raise UserError(_unreachable(address, last[0]))


def _unreachable(address: str, cause: Any) -> str:
    return (
        f"Ray does not respond at {address} ({without_secrets(str(cause))[:200]}). The address "
        "comes from resources.address or RAY_ADDRESS: expected HOST:PORT of a head node that this "
        "machine can reach, or 'local' to start Ray on this machine"
    )


# --- Calls of an actor, which are retried while it restarts.

RETRY_PAUSE = 1.0  # seconds between two attempts


def call_actor(method: Any, *arguments: Any, timeout: float | None = None, **options: Any) -> Any:
    """Call an actor's method and wait for its result; retry while the actor restarts.

    Args:
        method: The method of the actor's handle. It must be safe to repeat the call.
        *arguments: Positional arguments of the method.
        timeout: Seconds to wait for one attempt; None waits without limit.
        **options: Keyword arguments of the method.

    Returns:
        The method's result.

    Raises:
        UserError: The method raised it; it is not wrapped in Ray's exception. Or Ray's processes
            have died.
        ray.exceptions.GetTimeoutError: There was no result after `timeout` seconds.
        ray.exceptions.RayTaskError: The method raised another exception.
    """
    while True:
        try:
            return _wait_for(method.remote(*arguments, **options), timeout)
        except ActorUnavailableError:
            check_ray()
            time.sleep(RETRY_PAUSE)
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            raise


def _wait_for(reference: Any, timeout: float | None) -> Any:
    """Return a call's result; between waits, check that Ray's processes are alive."""
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        try:
            return ray.get(reference, timeout=max(0.0, min(left, CHECK_INTERVAL)))
        except GetTimeoutError:
            check_ray()
            if left <= CHECK_INTERVAL:
                raise
