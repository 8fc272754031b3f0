"""Access to the HTTP servers: this machine's own pages and programs, or clients with a token."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from faceseg.errors import UserError

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


# --- Requests that other web pages cause in a browser on this machine.

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # they change nothing
OWN_PAGE = ("same-origin", "none")  # Sec-Fetch-Site of a server's own pages and of typed addresses
MISDIRECTED, FORBIDDEN = 421, 403


def foreign_request(
    method: str, headers: Mapping[str, str], *, check_host: bool
) -> tuple[int, str] | None:
    """Return why a request comes from another web page, or None if it does not.

    A page can send requests to servers on the visitor's own machine. It can also make its host
    name resolve to 127.0.0.1 (DNS rebinding), and then read the responses too.

    Args:
        method: The HTTP method.
        headers: The headers, by lower-case name.
        check_host: Whether the server listens on a loopback address and requires no token. The
            headers Host and Origin are then the only ones that distinguish pages. Otherwise a
            proxy may have replaced Host, and another page does not have the token.

    Returns:
        The HTTP status and the reason.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if check_host and not is_loopback(_host_name(f"//{host}")):
        return MISDIRECTED, (
            f"the header Host is {host[:100]!r}; expected 127.0.0.1, localhost or [::1], because "
            "this server is for this machine only and requires no token"
        )
    if method in SAFE_METHODS:
        return None
    if site := headers.get("sec-fetch-site"):  # a page cannot change it
        is_own = site in OWN_PAGE
    else:  # not from a browser, or from an old one
        is_own = not check_host or origin is None or origin.partition("://")[2] == host
    if is_own:
        return None
    return FORBIDDEN, "another web page sent this request; this server accepts only its own"


def _host_name(address: str) -> str:
    """Return the host of `//HOST:PORT` without brackets; '' if it is malformed."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
