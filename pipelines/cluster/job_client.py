"""Connecting to a Ray cluster's job server over HTTP, as the `ray job` command does.

A cluster with token authentication requires the token in the environment variables of Ray.
"""

import logging
import os
from typing import Any
from urllib.parse import urlsplit

from faceseg.errors import UserError, first_line
from pipelines.config.secrets import has_secret

TIMEOUT = 10  # seconds to wait for the first response


def job_server_address(given: str | None) -> str:
    """Return the address of the job server.

    Args:
        given: The value of `--address`; None reads RAY_API_SERVER_ADDRESS or RAY_ADDRESS.

    Returns:
        The address, without a slash at its end.

    Raises:
        UserError: There is no address, it is not HTTP, or it contains a user or a password.
    """
    address = given or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS")
    address = (address or "").rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            "--address: expected the address of Ray's dashboard, such as http://HEAD:8265, got "
            f"{address or 'nothing'!r}; give the option or export RAY_API_SERVER_ADDRESS"
        )
    if parts.username or parts.password or has_secret(address):
        raise UserError(
            "--address contains a user, a password or a token, which Ray does not read: remove it "
            "from the address, and export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"
        )
    return address


def connect_job_server(address: str) -> Any:
    """Return Ray's client of the job server; raise UserError if the server cannot be used."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # before the import: Ray reads it once
    os.environ["RAY_API_SERVER_ADDRESS"] = address  # Ray prefers it to the argument
    import requests
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    for handler in logging.getLogger("ray").handlers:  # the loggers set their own levels
        handler.setLevel(logging.WARNING)
    try:
        requests.get(f"{address}/api/version", timeout=TIMEOUT)  # Ray's own request has no timeout
        client = JobSubmissionClient(address)
    except AuthenticationError as error:
        raise UserError(_authentication_message(address, error)) from error
    except (requests.RequestException, ConnectionError) as error:
        raise UserError(
            f"Ray does not respond at {address} ({_no_response_reason(error)}). Check that the "
            "head node is running, that this is the port of its dashboard (by default 8265), and "
            "that this machine can reach it, for instance through a tunnel: "
            "ssh -L 8265:127.0.0.1:8265 HEAD"
        ) from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            f"the server at {address} is not Ray's job server ({short_cause(error)}): give the "
            "address of the dashboard, whose port is by default 8265"
        ) from error
    return client


def _authentication_message(address: str, error: Exception) -> str:
    message = str(error)
    if "cannot be opened" in message:
        path = os.environ["RAY_AUTH_TOKEN_PATH"]
        problem = f"the token file RAY_AUTH_TOKEN_PATH={path} cannot be opened"
    elif "Invalid authentication token" in message:
        problem = f"{address} refused the token"
    else:
        problem = f"{address} requires a token, and none was sent"
    return (
        f"{problem}. Export RAY_AUTH_MODE=token and the cluster's token: RAY_AUTH_TOKEN_PATH (the "
        "path of a file that contains it), RAY_AUTH_TOKEN, or the file ~/.ray/auth_token"
    )


def _no_response_reason(error: Exception) -> str:
    """Return the cause of a failed connection, shorter than the libraries' messages."""
    if "imed out" in str(error):
        return f"no response in {TIMEOUT} s"
    for words in ("Connection refused", "No route to host", "Name or service not known"):
        if words in str(error):
            return words.lower()
    return short_cause(error)


def short_cause(error: BaseException) -> str:
    """Return the first line of an exception's message: at most 200 characters, no passwords."""
    return first_line(error)[:200]
