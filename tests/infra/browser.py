"""Chromium, for the tests of web pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

MISSING = "Chromium is not installed, which web pages are tested in: apt-get install chromium"
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def chromium() -> str:
    """Return the path of Chromium.

    Without it the test is skipped; it fails where FACESEG_REQUIRE_BROWSER is set.
    """
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return found
    if os.environ.get("FACESEG_REQUIRE_BROWSER"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium without a window."""
    path = chromium()
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=ARGUMENTS.split())
        yield opened
        opened.close()
