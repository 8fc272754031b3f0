"""The way to a Ray cluster's job server: over HTTP, as Ray's own `ray job` takes it.

A cluster with token authentication wants the token in the environment, under Ray's own names.
"""

import logging
import os
from typing import Any
from urllib.parse import urlsplit

from faceseg.errors import UserError, first_line
from pipelines.config.secrets import redact

TIMEOUT = 10  # seconds to wait for the first answer


def job_server_address(given: str | None) -> str:
    """Return the address of the job server: given, or of the environment."""
    address = given or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS")
    address = (address or "").rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"--address: expected the address of Ray's dashboard, such as http://HEAD:8265, not "
            f"{redact(address) or 'nothing'!r}; give it, or export RAY_API_SERVER_ADDRESS"
        )
    if parts.username or parts.password:
        raise UserError(
            "--address holds a user or a password; Ray takes a token: export RAY_AUTH_MODE=token "
            "and RAY_AUTH_TOKEN_PATH, and give the address without them"
        )
    return address


def connect_job_server(address: str) -> Any:
    """Return Ray's client of the job server; UserError if it cannot be had."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # before Ray is loaded: it reads it once
    os.environ["RAY_API_SERVER_ADDRESS"] = address  # Ray heeds it before the argument
    import requests
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    for handler in logging.getLogger("ray").handlers:  # its loggers set their own levels
        handler.setLevel(logging.WARNING)
    try:
        requests.get(f"{address}/api/version", timeout=TIMEOUT)  # Ray's own would wait for ever
        client = JobSubmissionClient(address)
    except AuthenticationError as error:
        raise UserError(_authentication_message(address, error)) from error
    except (requests.RequestException, ConnectionError) as error:
        raise UserError(
            f"no Ray answers at {address} ({_no_answer_reason(error)}). Is the head node up, is this its "
            "dashboard's port (8265 unless told otherwise), and is it open to this machine? "
            "A tunnel will do: ssh -L 8265:127.0.0.1:8265 HEAD"
        ) from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            f"{address} answers, but not as Ray's job server ({short_cause(error)}): give the address "
            "of the dashboard, whose port is 8265 unless told otherwise"
        ) from error
    return client


def _authentication_message(address: str, error: Exception) -> str:
    told = str(error)
    if "cannot be opened" in told:
        what = f"there is no token in RAY_AUTH_TOKEN_PATH={os.environ['RAY_AUTH_TOKEN_PATH']}"
    elif "Invalid authentication token" in told:
        what = f"{address} does not know the token that was sent"
    else:
        what = f"{address} wants a token, and none was sent"
    return (
        f"{what}. Export RAY_AUTH_MODE=token and the cluster's own token: RAY_AUTH_TOKEN_PATH "
        "with a file that holds it, or RAY_AUTH_TOKEN, or the file ~/.ray/auth_token"
    )


def _no_answer_reason(error: Exception) -> str:
    """Say why nobody answered, in fewer words than the libraries do."""
    if "imed out" in str(error):
        return f"no answer in {TIMEOUT} s"
    for words in ("Connection refused", "No route to host", "Name or service not known"):
        if words in str(error):
            return words.lower()
    return short_cause(error)


def short_cause(error: BaseException) -> str:
    """Return an exception's first line, short and without passwords."""
    return str(redact(first_line(error)))[:200]
