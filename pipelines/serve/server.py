"""`faceseg serve`: serve a model over HTTP until interrupted."""

import logging
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from rich.console import Console

from faceseg.errors import UserError, first_line
from pipelines.cluster.ports import check_port
from pipelines.cluster.signals import stop_requested
from pipelines.config import server_access
from pipelines.serve.settings import ServeSettings

if TYPE_CHECKING:
    from pipelines.serve.served_model import ModelSource, ReplicaState

STATE_INTERVAL = 1.0  # seconds between two queries of the replicas' states
STATE_TIMEOUT = 10.0  # seconds for the replicas to return their states
START_TIMEOUT = 300.0  # seconds for the first replicas to start


def serve_model(
    settings: ServeSettings, console: Console, *, host: str = "127.0.0.1", port: int = 8000
) -> None:
    """Serve a model until Ctrl-C or SIGTERM; then finish the running requests and stop.

    Args:
        settings: The settings of the replicas. `token_required` and `check_host` are overwritten:
            the token is required if `host` is not a loopback address; without a token, the Host
            header is checked.
        console: Receives the address and the changes of the served model.
        host: The address to listen on.
        port: The port to listen on.

    Raises:
        UserError: The model, the port or the resources are not available, or the token is
            missing.
    """
    token = server_access.server_token(
        required=not server_access.is_loopback(host),
        because=f"--host {host} makes this server reachable from other machines",
    )
    check_port(host, port)
    source = _check_model(settings)
    settings = settings.model_copy(
        update={
            "model": source.address,
            "tracking": source.uri or None,
            "token_required": False,
            "check_host": True,
        }
    )
    console.print(f"loading {settings.model} …", highlight=False)

    def serve(stop: Event) -> None:
        handle = wait_until_ready(stop)
        if handle is not None:
            report_changes(handle, console, _usage_example(host, port, token), stop)
            console.print("stopping after the running requests", highlight=False)
        else:
            console.print("stopped while loading", highlight=False)

    # Ray starts and stops in one thread, which is not the main thread. In the main thread it would
    # install signal handlers that exit in the middle of its start; started in one thread and
    # stopped in another, it waits a minute to stop.
    with stop_requested() as stop, ThreadPoolExecutor(1, "ray") as thread:
        try:
            try:
                thread.submit(start_replicas, settings, host, port).result()
            except Exception:  # an interrupted start raises a different error at each step
                if not stop.is_set():
                    raise
            with stop_requested(stop):  # replaces the handler of Ray's core, which prints a stack
                thread.submit(serve, stop).result()
        finally:
            thread.submit(stop_replicas).result()


def start_replicas(settings: ServeSettings, host: str, port: int) -> None:
    """Start a local Ray and the replicas, without waiting for them to load their model.

    Raises:
        UserError: The machine has too few CPUs or GPUs.
    """
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions
    from ray.serve.schema import LoggingConfig

    from pipelines.cluster.local_ray import start_local_ray
    from pipelines.serve.replica import APPLICATION, build

    start_local_ray()
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # in this process
    _check_resources(settings, ray.cluster_resources())
    logging_config = LoggingConfig(log_level="WARNING", enable_access_log=False)
    serve.start(
        http_options=HTTPOptions(host=host, port=port, request_timeout_s=None),
        logging_config=logging_config,
    )
    serve.run_many(
        [serve.RunTarget(build(settings), APPLICATION, "/", logging_config)],
        wait_for_applications_running=False,
    )


def wait_until_ready(stop: Event) -> Any | None:
    """Return the handle of the replicas once they serve, or None if `stop` is set before.

    Raises:
        UserError: A replica failed, with its error message, or none started in time.
    """
    from ray import serve

    from pipelines.serve.replica import APPLICATION, DEPLOYMENT

    deadline = time.monotonic() + START_TIMEOUT
    while not stop.wait(0.25):
        found = serve.status().applications.get(APPLICATION)
        state = found.status if found else ""
        if state == "RUNNING":
            return serve.get_deployment_handle(DEPLOYMENT, APPLICATION)
        if found and state in ("DEPLOY_FAILED", "UNHEALTHY"):
            reasons = [each.message for each in found.deployments.values()] + [found.message]
            raise UserError(_error_message("\n".join(reasons)))
        if time.monotonic() > deadline:
            raise UserError(
                f"no replica was ready within {START_TIMEOUT:g} s; give fewer --replicas"
            )
    return None


def _error_message(message: str) -> str:
    """Return the last line of the traceback in a replica's message, without the error's class."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line]
    return named[-1].split("Error: ", 1)[1] if named else (lines or ["the replicas failed"])[-1]


def report_changes(handle: Any, console: Console, greeting: str, stop: Event) -> None:
    """Print the greeting, and a line whenever the served model changes, until `stop` is set."""
    before: list[ReplicaState] = []
    while not stop.is_set():
        try:
            after = handle.broadcast("state").results(timeout_s=STATE_TIMEOUT)
        except Exception as error:  # Serve restarts replicas that fail
            lines, after = [f"the replicas do not respond: {first_line(error)}"], before
        else:
            lines = describe_changes(before, after)
        if not before and after:
            console.print(f"{lines.pop(0)}\n{greeting}", highlight=False)
        for line in lines:
            console.print(f"{time.strftime('%H:%M:%S')} {line}", highlight=False, markup=False)
        before = after
        stop.wait(STATE_INTERVAL)


def describe_changes(
    before: Sequence["ReplicaState"], after: Sequence["ReplicaState"]
) -> list[str]:
    """Return a line of text for each change between two states of the replicas."""
    served = Counter(each.address for each in after)
    lines = [
        f"{address} is served by {served[address]} of {len(after)} replicas"
        for address in sorted(served - Counter(each.address for each in before))
    ]
    for trouble in sorted({each.trouble for each in after} - {each.trouble for each in before}):
        if trouble:
            lines.append(f"{trouble}; the served model stays in use")
    if any(each.trouble for each in before) and not any(each.trouble for each in after):
        lines.append("the alias can be followed again")
    return lines


def stop_replicas() -> None:
    """Refuse new requests, finish the running ones and stop Ray."""
    import ray
    from ray import serve
    from ray.serve.exceptions import RayServeException

    from pipelines.serve.replica import APPLICATION

    try:
        if ray.is_initialized():
            serve.delete(APPLICATION)
    except RayServeException:
        pass  # Serve had not started yet
    finally:
        ray.shutdown()


def _check_model(settings: ServeSettings) -> "ModelSource":
    """Return the source of the model, after checking before anything starts that it exists."""
    from pipelines.models.exported_models import is_exported
    from pipelines.serve.served_model import model_source

    source = model_source(settings.model, settings.tracking)
    if settings.gpus and is_exported(Path(source.address)):
        raise UserError(f"--gpus: {settings.model} is an exported file, which runs on the CPU here")
    if source.is_alias:
        from pipelines.tracking import Tracker
        from pipelines.tracking.errors import user_errors

        with user_errors(Tracker(source.uri)):
            source.resolve()
    return source


def _check_resources(settings: ServeSettings, have: dict[str, float]) -> None:
    limit, cpus, gpus = settings.replica_limit, have.get("CPU", 0), have.get("GPU", 0)
    if limit * settings.cpus > cpus or limit * settings.gpus > gpus:
        raise UserError(
            f"{limit} replicas of {settings.cpus} CPUs and {settings.gpus:g} GPUs were requested;"
            f" this machine has {cpus:g} CPUs and {gpus:g} GPUs. Give fewer or smaller replicas"
        )


def _usage_example(host: str, port: int, token: str | None) -> str:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    curl = ["curl", "--data-binary", "@photo.jpg", f"{url}/v1/predict", "-o", "mask.png"]
    line = shlex.join(curl)
    if token:
        line = f'{line} -H "Authorization: Bearer ${server_access.TOKEN_VARIABLE}"'
    return f"{url}, until Ctrl-C; for example:\n  {line}"
