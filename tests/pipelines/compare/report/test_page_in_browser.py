"""The page in a real browser, on a laptop, in MLflow's narrow preview and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.infra.browser import open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("width", [1366, 500, 390])
def test_the_page_fits_its_window_and_requests_nothing(browser: Browser, html: str, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800})
    requests: list[str] = []
    page.on("request", lambda each: requests.append(each.url))
    page.set_content(html)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("nav.side").is_visible() == (width >= 1100)
    assert page.locator("details.top").is_visible() == (width < 1100)
    link = page.locator("nav.side a" if width >= 1100 else "details.top a").last
    if width < 1100:
        page.locator("details.top summary").click()
    link.click()
    assert page.locator("h2").last.bounding_box()["y"] < 800
    assert not [url for url in requests if not url.startswith(("data:", "about:"))]
    page.close()
