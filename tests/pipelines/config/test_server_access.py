"""Requests that other web pages cause in a browser are told from a server's own."""

import pytest

from pipelines.config.server_access import foreign_request

OWN = "127.0.0.1:8000"


@pytest.mark.parametrize(
    "host",
    [OWN, "127.0.0.1", "localhost", "localhost:7860", "LOCALHOST:1", "[::1]", "[::1]:8000"],
)
def test_names_of_this_machine_are_accepted(host: str):
    assert foreign_request("GET", {"host": host}, check_host=True) is None
    assert foreign_request("POST", {"host": host}, check_host=True) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("192.168.1.7:8000", "[fe80::1]", "0.0.0.0:8000", "[::1", "", "127.0.0.1@evil.example"),
    ],
)
def test_other_host_names_are_misdirected_unless_a_token_is_required(host: str):
    """A page whose host name resolves to 127.0.0.1 would otherwise read the responses."""
    status, reason = foreign_request("GET", {"host": host}, check_host=True) or (0, "")
    assert status == 421
    assert "expected 127.0.0.1, localhost or [::1]" in reason
    assert foreign_request("GET", {"host": host}, check_host=False) is None


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({}, False),
        ({"origin": f"http://{OWN}"}, False),
        ({"origin": "http://127.0.0.1:9000"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"sec-fetch-site": "cross-site", "origin": f"http://{OWN}"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "none"}, False),
        # Behind a proxy, Host is the server's, and Origin is the proxy's.
        ({"sec-fetch-site": "same-origin", "origin": "https://faces.example"}, False),
    ],
)
def test_other_pages_may_read_what_browsers_let_them_but_change_nothing(
    headers: dict[str, str], is_foreign: bool
):
    given = {"host": OWN, **headers}
    refused = foreign_request("POST", given, check_host=True)
    assert (refused is not None and refused[0] == 403) is is_foreign
    assert foreign_request("GET", given, check_host=True) is None


def test_with_a_token_only_the_browsers_own_word_counts():
    """A proxy may replace Host, so that Origin cannot be compared with it."""
    given = {"host": "10.0.0.7:8000", "origin": "https://faces.example"}
    assert foreign_request("POST", given, check_host=False) is None
    foreign = {**given, "sec-fetch-site": "cross-site"}
    assert (foreign_request("POST", foreign, check_host=False) or [0])[0] == 403
