"""The page in a real browser, on a laptop, in MLflow's narrow preview and on a phone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from pipelines.compare.report.comparison_report import build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.study_data.study_results import ComparedStudy
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


@pytest.mark.nightly
@pytest.mark.parametrize("width", [1366, 390])
def test_ten_networks_fit_and_no_score_covers_another(
    browser: Browser, study: ComparedStudy, width: int
):
    names = ["ensemble", "judged-file", "deeplabv3plus", *(f"network-{n}" for n in range(7))]
    models = tuple(
        replace(study.models[number % 3], name=name) for number, name in enumerate(names)
    )
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(render_html(build_report(replace(study, models=models), resamples=50)))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cells = page.locator(".classes td.wide").evaluate_all(
        "cells => cells.map(cell => [cell.getBoundingClientRect().right,"
        " cell.querySelector('span').getBoundingClientRect().right])"
    )
    assert len(cells) == 10 * (len(study.classes) - 1)
    assert all(text <= cell for cell, text in cells)
    page.close()
