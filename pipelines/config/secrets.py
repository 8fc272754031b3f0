"""Passwords stay out of what people read: files, logs, tags and messages."""

import ipaddress
import os
import re
from typing import Any

from faceseg.errors import UserError

# scheme://user:PASSWORD@host, as databases and servers are addressed
PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]+)@")


def redact(value: Any) -> Any:
    """Return `value` (text, or lists and mappings of it) with passwords in addresses as `***`."""
    if isinstance(value, dict):
        return {key: redact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    if isinstance(value, str):
        return PASSWORD.sub(r"\1:***@", value)
    return value


# --- Whom a server of ours lets in: this machine alone, or whoever has the token.

TOKEN_VARIABLE = "FACESEG_TOKEN"  # noqa: S105  # the name of a variable
MIN_TOKEN_LENGTH = 16


def server_token(*, required: bool, because: str) -> str | None:
    """Return the token of the environment. UserError if it is missing and required, or weak."""
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
            f"{TOKEN_VARIABLE} is too easy to guess; expected at least {MIN_TOKEN_LENGTH} ASCII characters"
        )
    return given


def is_loopback(host: str) -> bool:
    """Say whether a host is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
