"""`faceseg serve`: a model behind HTTP until it is told to stop."""

import errno
import logging
import shlex
import socket
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from rich.console import Console

from faceseg.errors import UserError, first_line
from pipelines.cluster.signals import stop_requested
from pipelines.config import secrets
from pipelines.serve.settings import ServeSettings

if TYPE_CHECKING:
    from pipelines.serve.served_model import ModelSource, ReplicaState

STATE_INTERVAL = 1.0  # seconds between looks at the replicas
STATE_TIMEOUT = 10.0  # seconds that the replicas have to say what they serve
START_TIMEOUT = 300.0  # seconds that the first replicas have to start


def serve_model(
    settings: ServeSettings, console: Console, *, host: str = "127.0.0.1", port: int = 8000
) -> None:
    """Serve until Ctrl-C or SIGTERM; then let the requests under way end. UserError at the start.

    settings.token_required is decided here: by the host.
    """
    token = secrets.server_token(
        required=not secrets.is_loopback(host),
        because=f"--host {host} lets other machines reach this server",
    )
    check_port(host, port)
    source = _check_model(settings)
    settings = settings.model_copy(
        update={"model": source.address, "tracking": source.uri or None, "token_required": False}
    )
    console.print(f"loading {settings.model} …", highlight=False)

    def serve(told: Event) -> None:
        handle = wait_until_ready(told)
        if handle is not None:
            report_changes(handle, console, _usage_example(host, port, token), told)
            console.print("stopping: requests under way are answered first", highlight=False)
        else:
            console.print("stopped while it was loading", highlight=False)

    # Ray's whole life is in one thread, and not in this one: here it would put in handlers that
    # exit in the middle of its start; begun and ended in two, it waits a minute to end.
    with stop_requested() as told, ThreadPoolExecutor(1, "ray") as thread:
        try:
            try:
                thread.submit(start_replicas, settings, host, port).result()
            except Exception:  # a start that is broken off fails in as many ways as it has steps
                if not told.is_set():
                    raise
            with stop_requested(told):  # Ray's core has put in one that prints a stack first
                thread.submit(serve, told).result()
        finally:
            thread.submit(stop_replicas).result()


def start_replicas(settings: ServeSettings, host: str, port: int) -> None:
    """Start a Ray of our own, and on it the replicas, which load their model on their own."""
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions
    from ray.serve.schema import LoggingConfig

    from pipelines.serve.replica import APPLICATION, build

    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address="127.0.0.1",
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # in this process
    _check_resources(settings, ray.cluster_resources())
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    serve.start(
        http_options=HTTPOptions(host=host, port=port, request_timeout_s=None),
        logging_config=quiet,
    )
    serve.run_many(
        [serve.RunTarget(build(settings), APPLICATION, "/", quiet)],
        wait_for_applications_running=False,
    )


def wait_until_ready(told: Event) -> Any | None:
    """Return the replicas' handle once they answer, or None if told to stop before.

    UserError with a replica's own words if it cannot start.
    """
    from ray import serve

    from pipelines.serve.replica import APPLICATION, DEPLOYMENT

    deadline = time.monotonic() + START_TIMEOUT
    while not told.wait(0.25):
        found = serve.status().applications.get(APPLICATION)
        state = found.status if found else ""
        if state == "RUNNING":
            return serve.get_deployment_handle(DEPLOYMENT, APPLICATION)
        if found and state in ("DEPLOY_FAILED", "UNHEALTHY"):
            reasons = [each.message for each in found.deployments.values()] + [found.message]
            raise UserError(_error_message("\n".join(reasons)))
        if time.monotonic() > deadline:
            raise UserError(
                f"no replica was ready within {START_TIMEOUT:g} s; give fewer --replicas or more time"
            )
    return None


def _error_message(message: str) -> str:
    """Return the last line of the traceback in a replica's message, without the error's kind."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line]
    return named[-1].split("Error: ", 1)[1] if named else (lines or ["the replicas failed"])[-1]


def report_changes(handle: Any, console: Console, greeting: str, told: Event) -> None:
    """Print the greeting, and a line whenever the replicas serve another model, until told."""
    before: list[ReplicaState] = []
    while not told.is_set():
        try:
            after = handle.broadcast("state").results(timeout_s=STATE_TIMEOUT)
        except Exception as error:  # replicas come and go; Serve starts them again
            lines, after = [f"the replicas do not answer: {first_line(error)}"], before
        else:
            lines = describe_changes(before, after)
        if not before and after:
            console.print(f"{lines.pop(0)}\n{greeting}", highlight=False)
        for line in lines:
            console.print(f"{time.strftime('%H:%M:%S')} {line}", highlight=False, markup=False)
        before = after
        told.wait(STATE_INTERVAL)


def describe_changes(
    before: Sequence["ReplicaState"], after: Sequence["ReplicaState"]
) -> list[str]:
    """Return in words what has changed since the replicas were last asked."""
    served = Counter(each.address for each in after)
    lines = [
        f"{address} is served by {served[address]} of {len(after)} replicas"
        for address in sorted(served - Counter(each.address for each in before))
    ]
    for trouble in sorted({each.trouble for each in after} - {each.trouble for each in before}):
        if trouble:
            lines.append(f"{trouble}; what is served stays")
    if any(each.trouble for each in before) and not any(each.trouble for each in after):
        lines.append("the alias can be followed again")
    return lines


def stop_replicas() -> None:
    """Take no more requests, let those under way end, and end Ray."""
    import ray
    from ray import serve
    from ray.serve.exceptions import RayServeException

    from pipelines.serve.replica import APPLICATION

    try:
        if ray.is_initialized():
            serve.delete(APPLICATION)
    except RayServeException:
        pass  # it had not come to that
    finally:
        ray.shutdown()


def check_port(host: str, port: int) -> None:
    """UserError if a server cannot listen there."""
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, OverflowError) as error:
        used = getattr(error, "errno", None) == errno.EADDRINUSE
        what = "another program has it" if used else str(error)
        raise UserError(
            f"{host}:{port} cannot be listened on: {what}; give another --port"
        ) from error


def _check_model(settings: ServeSettings) -> "ModelSource":
    """Return where the model is; UserError if that cannot be, before anything starts."""
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
    most, cpus, gpus = settings.most_replicas, have.get("CPU", 0), have.get("GPU", 0)
    if most * settings.cpus > cpus or most * settings.gpus > gpus:
        raise UserError(
            f"{most} replicas of {settings.cpus} CPUs and {settings.gpus:g} GPUs were asked for;"
            f" this machine has {cpus:g} and {gpus:g}. Give fewer or smaller ones"
        )


def _usage_example(host: str, port: int, token: str | None) -> str:
    at = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    curl = ["curl", "--data-binary", "@photo.jpg", f"{at}/v1/predict", "-o", "mask.png"]
    line = shlex.join(curl)
    if token:
        line = f'{line} -H "Authorization: Bearer ${secrets.TOKEN_VARIABLE}"'
    return f"{at}, until Ctrl-C; for example:\n  {line}"
