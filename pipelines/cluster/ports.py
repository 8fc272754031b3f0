"""The check that a port is free, before a server is started on it."""

import errno
import socket

from faceseg.errors import UserError


def check_port(host: str, port: int) -> None:
    """Raise an error if a server cannot listen on an address.

    Raises:
        UserError: The port is in use, or the host is not one of this machine's.
    """
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, OverflowError) as error:
        used = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "another program uses it" if used else str(error)
        raise UserError(f"cannot listen on {host}:{port}: {reason}; give another --port") from error
