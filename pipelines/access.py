"""Whom a server of ours lets in: this machine alone, or whoever has the token."""

import ipaddress
import os

from faceseg.errors import UserError

TOKEN = "FACESEG_TOKEN"  # noqa: S105  # the name of a variable
LEAST_LENGTH = 16


def token(*, required: bool, because: str) -> str | None:
    """Return the token of the environment. UserError if it is missing and required, or weak."""
    given = os.environ.get(TOKEN, "").strip()
    if not given:
        if required:
            raise UserError(
                f"{because}, and {TOKEN} is not set: export one, for instance "
                f'{TOKEN}=$(python3 -c "import secrets; print(secrets.token_urlsafe())")'
            )
        return None
    if len(given) < LEAST_LENGTH or not given.isascii():
        raise UserError(
            f"{TOKEN} is too easy to guess; expected at least {LEAST_LENGTH} ASCII characters"
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
