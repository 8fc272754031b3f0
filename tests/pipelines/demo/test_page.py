"""The page in a real browser, with three networks, served by a separate process."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from faceseg.data.classes import LAPA
from faceseg.data.images import read_image
from pipelines.demo.networks import DemoNetwork
from tests.infra.browser import open_browser

pytestmark = pytest.mark.slow

SERVER_SCRIPT = """
import sys
from rich.console import Console
from pipelines.demo import server
server.serve_demo(sys.argv[1:], Console(), port=0)
"""
TIMEOUT = 60_000  # milliseconds, enough for a busy machine
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(network_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the page; at the end check that Ctrl-C stops it and that all uploads are deleted."""
    folder = tmp_path_factory.mktemp("temporary")
    environment = {**os.environ, "TMPDIR": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("FACESEG_TOKEN", None)
    command = [sys.executable, "-c", SERVER_SCRIPT, *map(str, network_files)]
    with (
        (folder / "errors.txt").open("w+") as errors,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), (folder / "errors.txt").read_text()
        kept = list(folder.glob("faceseg-demo-*"))
        yield line.split()[0]
        server.send_signal(signal.SIGINT)
        output = server.stdout.read()
        assert server.wait(timeout=60) == 0
    assert "Traceback" not in output
    assert len(kept) == 1
    assert not kept[0].exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(params=[{"width": 1366, "height": 768}], ids=["laptop"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield the page with its first result; check that it loads nothing from other servers."""
    context = browser.new_context(viewport=request.param, accept_downloads=True)
    context.set_default_timeout(TIMEOUT)
    expect.set_options(timeout=TIMEOUT)
    requested: list[str] = []
    errors: list[str] = []
    page = context.new_page()
    page.on("request", lambda each: requested.append(each.url))
    page.on("pageerror", lambda each: errors.append(str(each)))
    page.on("console", lambda each: errors.append(each.text) if each.type == "error" else None)
    page.goto(address)
    expect(page.locator(".card")).to_have_count(3)
    yield page
    external = [url for url in requested if not url.startswith((f"{address}/", "data:", "blob:"))]
    context.close()
    assert requested
    assert external == []
    assert errors == []


def upload(page: Page, file: Path) -> None:
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    expect(page.locator(".notice")).to_contain_text("Add a portrait")
    page.locator("#portrait input[type=file]").first.set_input_files(file)


def wait_for_size(page: Page, size: tuple[int, int]) -> None:
    """Wait until the first picture has a size in columns and rows."""
    page.wait_for_function(
        "size => { const shown = document.querySelector('.stack .photograph');"
        " return shown && shown.naturalWidth === size[0] && shown.naturalHeight === size[1] }",
        arg=list(size),
    )


def download(page: Page, name: str, index: int) -> Image.Image:
    """Press the link or button `name` of one of the pictures; return the downloaded image."""
    with page.expect_download() as event:
        page.locator("figcaption").nth(index).get_by_text(name, exact=True).click()
    return Image.open(event.value.path())


def test_the_masks_equal_the_predictions_of_three_networks(
    page: Page, portrait: Path, networks: list[DemoNetwork]
):
    image = read_image(portrait)
    upload(page, portrait)
    wait_for_size(page, (image.shape[1], image.shape[0]))
    for index, network in enumerate(networks):
        expect(page.locator(".card h2").nth(index)).to_have_text(network.title)
        with download(page, "Mask", index) as mask:
            assert mask.mode == "P"
            palette = [channel for colour in LAPA.palette for channel in colour]
            assert mask.getpalette()[: len(palette)] == palette
            np.testing.assert_array_equal(np.asarray(mask), network.predictor.predict(image))
    with download(page, "Overlay", 0) as overlay:
        assert overlay.size == (image.shape[1], image.shape[0])
        blended = np.asarray(overlay.convert("RGB")).astype(float)
    labels = networks[0].predictor.predict(image)
    expected = np.where(labels[..., None] > 0, 0.45 * image + 0.55 * LAPA.colour(labels), image)
    assert np.abs(blended - expected).mean() < 4  # the photograph is embedded as a JPEG


def test_an_occluder_and_its_severity_change_the_result(page: Page):
    page.get_by_role("radio", name="second").check()
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("radio", name="blob").check()
    expect(page.locator(".picture")).to_have_count(2)
    expect(page.locator(".damage li").first).to_contain_text("of the visible pixels")
    expect(page.locator(".notice")).to_contain_text("as first labels it")
    before = page.locator(".layer").nth(1).get_attribute("src")
    with download(page, "Mask", 1) as one:
        milder = np.asarray(one)
    severity = page.locator("#severity input[type=number]")
    severity.fill("50")
    severity.press("Enter")
    expect(page.locator(".notice")).to_contain_text("covers 50")
    with download(page, "Mask", 1) as other:
        assert (np.asarray(other) != milder).any()
    harder = page.locator(".layer").nth(1).get_attribute("src")
    assert harder != before
    page.get_by_role("button", name="Another one like it").click()
    expect(page.locator(".layer").nth(1)).not_to_have_attribute("src", str(harder))
    page.get_by_role("radio", name="eye band").check()
    expect(page.locator("#severity input[type=number]")).to_have_value("2")
    expect(page.locator(".damage")).to_be_visible()


def test_the_opacity_follows_the_keyboard_without_a_request(page: Page):
    requested: list[str] = []
    page.on("request", lambda each: requested.append(each.url))
    layer = page.locator(".layer").first
    expect(layer).to_have_css("opacity", "0.55")
    page.locator("#opacity input[type=range]").focus()
    page.keyboard.press("Home")
    expect(layer).to_have_css("opacity", "0")
    page.locator("#opacity input[type=number]").fill("30")
    expect(layer).to_have_css("opacity", "0.3")
    page.get_by_role("radio", name="mask").check()
    expect(page.locator(".photograph").first).to_be_hidden()
    expect(layer).to_have_css("opacity", "1")
    page.get_by_role("radio", name="photograph").check()
    expect(layer).to_be_hidden()
    assert requested == []


def test_a_file_that_is_not_an_image_gives_a_notice_and_the_next_one_a_result(
    page: Page, portrait: Path, tmp_path: Path
):
    text = tmp_path / "text.jpg"
    text.write_text("no image", encoding="utf-8")
    upload(page, text)
    expect(page.get_by_role("alert")).to_contain_text("no image of a known format")
    expect(page.locator(".card")).to_have_count(0)
    upload(page, portrait)
    expect(page.locator(".card")).to_have_count(3)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_nothing_is_cut_off_on_a_phone(page: Page):
    page.get_by_role("radio", name="hand").check()
    expect(page.locator(".damage")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.card *, fieldset, input, button')]"
        ".filter((each) => !each.classList.contains('unseen'))"
        ".map((each) => each.getBoundingClientRect().right))"
    )
    assert right <= PHONE["width"]


def request_result(address: str, upload: dict[str, Any]) -> str:
    """Request the result for a file directly, bypassing the controls; return the response."""
    with urllib.request.urlopen(f"{address}/config") as response:
        listeners = json.load(response)["dependencies"]
    show = next(each["id"] for each in listeners if len(each["inputs"]) == 5)
    order = {
        "data": [upload, "first", "none", 20, 0],
        "fn_index": show,
        "session_hash": "without-controls",
    }
    urllib.request.urlopen(
        urllib.request.Request(
            f"{address}/gradio_api/queue/join",
            json.dumps(order).encode(),
            {"Content-Type": "application/json"},
        )
    ).close()
    with urllib.request.urlopen(
        f"{address}/gradio_api/queue/data?session_hash=without-controls", timeout=60
    ) as events:
        return next(line.decode() for line in events if b"process_completed" in line)


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}])
def test_a_file_that_was_not_uploaded_is_not_shown(
    address: str, portrait: Path, meta: dict[str, Any]
):
    result = request_result(address, {"path": str(portrait), **meta})
    assert "card" not in result
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}/gradio_api/file={portrait}")


def test_an_address_is_not_fetched(address: str):
    upload = {"path": "http://198.51.100.1/a.png", "meta": {"_type": "gradio.FileData"}}
    assert "not its address" in request_result(address, upload)
