"""Detect failures of Ray and turn them into messages: at its start, and while a command runs."""

import os
import socket
import tempfile
import time
from dataclasses import dataclass, field

import ray
from ray.exceptions import RayError, RayTaskError

from faceseg.errors import UserError, causes, first_line

RESUME = "Finished work is kept: re-run the same command to resume"
LONGEST_TEMPORARY_FOLDER = 40  # characters; Ray's socket paths are about 65 longer, 107 at most


def start_error_message(error: BaseException) -> str:
    """Return why Ray did not start on this machine, with advice.

    Args:
        error: The exception of `ray.init`.
    """
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    reason = first_line(error)[:300].rstrip(".")
    if "AF_UNIX path length" in str(error):
        advice = (
            f"the path of its temporary folder {folder} is too long for a socket: set RAY_TMPDIR "
            f"to a path of at most {LONGEST_TEMPORARY_FOLDER} characters, such as /tmp"
        )
    elif isinstance(error, OSError) and error.filename is not None:
        advice = (
            f"its temporary folder {folder} cannot be used ({reason}): set RAY_TMPDIR to a folder "
            "that this user can write to, such as /tmp"
        )
    elif isinstance(error, OSError):
        advice = f"{reason}. Its temporary folder is {folder}; set RAY_TMPDIR to use another one"
    else:
        advice = (
            f"{reason}. The machine may be busy, or out of memory: close other programs, then run "
            f"the same command again. Ray's logs are in {folder}/ray/session_latest/logs"
        )
    return f"Ray does not start on this machine: {advice}"


def ray_error_message(error: BaseException) -> str | None:
    """Return a message on a failure of Ray's processes; None for any other error.

    An error that a task raised is not a failure of Ray.
    """
    for each in causes(error):
        if isinstance(each, RayError) and not isinstance(each, RayTaskError):
            reason = first_line(each)[:300].rstrip(".")
            return f"Ray failed while the command ran: {reason}. {RESUME}"
    return None


# --- Watching the processes of Ray that the driver requires.

CONTROL_STORE = "control store (GCS)"
CHECK_INTERVAL = 2.0  # seconds between two checks
CONNECT_TIMEOUT = 2.0  # seconds for a process to accept a connection
# Seconds for which the head of a cluster may be unreachable. After 60 s, Ray aborts this process.
RESTART_TIMEOUT = 30.0


@dataclass(kw_only=True)
class RayWatch:
    """Detect that the control store (GCS) or this node's raylet has died.

    Without this check, calls of Ray wait without a message, and Ray aborts this process after 60 s.

    Attributes:
        addresses: The host and port of each process, by its name.
        cluster: Whether Ray runs on a cluster, where the control store may be restarted.
    """

    addresses: dict[str, tuple[str, int]]
    cluster: bool
    _since: dict[str, float] = field(default_factory=dict)
    _next: float = 0.0

    @classmethod
    def of_connection(cls, *, cluster: bool) -> "RayWatch":
        """Return a watch for the Ray to which this process is connected."""
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        addresses = {CONTROL_STORE: (host.strip("[]"), int(port))}
        own = context.get_node_id()
        for node in ray.nodes():
            if node["NodeID"] == own:
                addresses["raylet"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
        return cls(addresses=addresses, cluster=cluster)

    def check(self) -> None:
        """Raise an error if a process has died, at most once in CHECK_INTERVAL.

        Raises:
            UserError: A process refuses connections, or has been unreachable for RESTART_TIMEOUT.
                The control store of a cluster may refuse connections for that long.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + CHECK_INTERVAL
        for name, address in self.addresses.items():
            refusal = _refusal(address)
            if refusal is None:
                self._since.pop(name, None)
                continue
            away = now - self._since.setdefault(name, now)
            may_restart = self.cluster and name == CONTROL_STORE
            dead = isinstance(refusal, ConnectionRefusedError) and not may_restart
            if dead or away > RESTART_TIMEOUT:
                host, port = address
                raise UserError(
                    f"Ray's {name} at {host}:{port} has died or cannot be reached ({refusal}), so "
                    f"the study cannot continue. {RESUME}"
                )


def _refusal(address: tuple[str, int]) -> OSError | None:
    """Return why a connection to a process fails; None if it succeeds."""
    try:
        socket.create_connection(address, timeout=CONNECT_TIMEOUT).close()
    except OSError as error:
        return error
    return None
