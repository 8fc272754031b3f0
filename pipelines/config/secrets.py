"""Secrets: removing passwords from text that people read, and the access token of the servers."""

import ipaddress
import os
import re
from typing import Any

from faceseg.errors import UserError

# scheme://user:PASSWORD@host, the form of the addresses of databases and servers
PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]+)@")


def redact(value: Any) -> Any:
    """Return a copy of `value` in which passwords in addresses are replaced by `***`.

    Args:
        value: Text, or lists, tuples and dicts of it; anything else is returned unchanged.
            A tuple becomes a list.

    Returns:
        The same structure, without passwords.
    """
    if isinstance(value, dict):
        return {key: redact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    if isinstance(value, str):
        return PASSWORD.sub(r"\1:***@", value)
    return value


# --- Access control of the HTTP servers: loopback addresses only, or a token.

TOKEN_VARIABLE = "FACESEG_TOKEN"  # noqa: S105  # the name of a variable
MIN_TOKEN_LENGTH = 16


def server_token(*, required: bool, because: str) -> str | None:
    """Return the token that clients of a server must send, from FACESEG_TOKEN.

    Args:
        required: Whether the server must not start without a token.
        because: The reason why a token is required, which begins the error message.

    Returns:
        The token, or None where none is set and none is required.

    Raises:
        UserError: The token is required but not set, or it is too short or not ASCII.
    """
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not given:
        if required:
            raise UserError(
                f"{because}, and {TOKEN_VARIABLE} is not set: export one, for instance "
                f'{TOKEN_VARIABLE}=$(python3 -c "import secrets; print(secrets.token_urlsafe())")'
            )
        return None
    if len(given) < MIN_TOKEN_LENGTH or not given.isascii():
        raise UserError(
            f"{TOKEN_VARIABLE} is too easy to guess; expected at least {MIN_TOKEN_LENGTH} ASCII "
            "characters"
        )
    return given


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
