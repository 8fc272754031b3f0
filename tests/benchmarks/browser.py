"""An exported ONNX file in a browser, compared with Keras: the JavaScript of docs/export.md.

    python -m tests.benchmarks.browser PHOTOGRAPHS... --network FILE

It needs Chromium, and npm, which downloads onnxruntime-web into a temporary folder. PHOTOGRAPHS are
used as in `tests.benchmarks.agreement`, in the same 20 sizes. `faceseg export` exports FILE in
float32 and in 8 bits. A page on loopback labels each photograph twice: resized to the network's
grid by faceseg, so that only the runtime can differ, and whole, so that the browser decodes and
shrinks it. The table is Markdown.
"""

import base64
import functools
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from faceseg.data.images import read_image, resize_image
from faceseg.inference.predictor import Predictor, load
from tests.benchmarks.agreement import (
    compared,
    given_photographs_and_network,
    run_faceseg,
    write_photographs,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"
PACKAGE = "onnxruntime-web@1.30.0"
PRECISIONS = ("float32", "int8")
PAGE = """<!doctype html>
<script type="importmap">
{"imports": {"onnxruntime-web/wasm": "/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs"}}
</script>
<script type="module">
import { labelsOf, logitsOf } from "./label.js";
window.label = async (path) => {
  const photograph = await createImageBitmap(await (await fetch(path)).blob());
  await logitsOf(photograph);
  const started = performance.now();
  const logits = await logitsOf(photograph);
  const milliseconds = performance.now() - started;
  const labels = labelsOf(logits, photograph.height, photograph.width);
  const text = (array) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1]);
    reader.readAsDataURL(new Blob([array]));
  });
  return {
    logits: await text(logits.data), labels: await text(labels), milliseconds,
    dims: logits.dims, size: [photograph.height, photograph.width],
  };
};
</script>
"""


class Labelled(NamedTuple):
    """The result of the page: logits (h, w, C), labels (H, W), and the milliseconds."""

    logits: NDArray[np.float32]
    labels: NDArray[np.uint8]
    milliseconds: float


def javascript(document: Path = DOCUMENT) -> str:
    """Return the JavaScript in a document."""
    (found,) = re.findall(r"```js\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def install(folder: Path) -> None:
    """Download the runtime with npm; SystemExit if that fails."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not installed; it downloads onnxruntime-web")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run([npm, "install", *options, "--prefix", str(folder), PACKAGE], check=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; yield its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Log nothing."""

    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def opened(address: str) -> Iterator[Page]:
    """Open the page in Chromium when its network is loaded; print its errors."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("pageerror", lambda each: print(each))  # noqa: PLW0108  # the event passes an object, print needs a function
        page.on("console", lambda each: print(each.text) if each.type == "error" else None)
        page.goto(address)
        page.wait_for_function("window.label !== undefined", timeout=120_000)
        yield page
        browser.close()


def label(page: Page, path: str) -> Labelled:
    """Label a picture of the server with the page."""
    output: dict[str, Any] = page.evaluate("(path) => window.label(path)", path)
    logits = np.frombuffer(base64.b64decode(output["logits"]), np.float32)
    labels = np.frombuffer(base64.b64decode(output["labels"]), np.uint8)
    return Labelled(
        logits.reshape(output["dims"][1:]), labels.reshape(output["size"]), output["milliseconds"]
    )


def site(folder: Path, exported: Path) -> None:
    """Write the page, its script and an exported model into a folder."""
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "label.js").write_text(javascript(), encoding="utf-8")
    for name in ("model.onnx", "model.json"):
        shutil.copy(exported / name, folder / name)


def lines(precision: str, predictor: Predictor, page: Page, folder: Path) -> Iterator[str]:
    """Yield the table's lines of one exported file: on the grid, then whole photographs."""
    paths = sorted((folder / "photographs").iterdir())
    images = [read_image(path) for path in paths]
    small = []
    for path, image in zip(paths, images, strict=True):
        small.append(resize_image(image, predictor.grid))
        Image.fromarray(small[-1]).save(folder / "grid" / f"{path.stem}.png")
    for what, pictures, given in (
        ("on the grid", [f"/grid/{path.stem}.png" for path in paths], small),
        ("whole", [f"/photographs/{path.name}" for path in paths], images),
    ):
        results = [label(page, picture) for picture in pictures]
        expected = [predictor.predict(image) for image in given]
        row = compared(
            f"{precision}, {what}", expected, [each.labels for each in results],
            len(predictor.classes),
        )  # fmt: skip
        apart = max(
            float(np.abs(each.logits - predictor.logits([image])[0]).max())
            for each, image in zip(results, given, strict=True)
        )
        slow = float(np.median([each.milliseconds for each in results]))
        yield f"{row} {apart:.2g} | {slow:.0f} |"


def measured(network: Path, photographs: Sequence[Path], folder: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    install(folder)
    for name in ("photographs", "grid"):
        (folder / name).mkdir()
    write_photographs(photographs, folder / "photographs")
    words = [word for precision in PRECISIONS for word in ("--precision", precision)]
    out = folder / "exported"
    images = ("--images", str(folder / "photographs"))
    run_faceseg(
        "export", str(network), "--format", "onnx", *words, *images, "--out", str(out), refused=True
    )
    predictor = load(network)
    for precision in PRECISIONS:
        if not (out / f"onnx-{precision}").exists():
            continue  # the export refused it and printed the reason
        site(folder, out / f"onnx-{precision}")
        with served(folder) as address, opened(address) as page:
            yield from lines(precision, predictor, page, folder)


def main() -> None:
    """Measure and print."""
    given = given_photographs_and_network(__doc__)
    with TemporaryDirectory(prefix="faceseg-browser-") as folder:
        found = list(measured(given.network.resolve(), given.photographs, Path(folder)))
        manifest = Path(folder) / "node_modules" / "onnxruntime-web" / "package.json"
        version = json.loads(manifest.read_text(encoding="utf-8"))["version"]
    print(f"onnxruntime-web {version}\n")
    print(
        "| file, photographs | number | equal pixels | different pixels | foreground IoU |", end=""
    )
    print(f" worst image | largest logit difference | ms |\n|{'---|' * 8}")
    print("\n".join(found))


if __name__ == "__main__":
    main()
