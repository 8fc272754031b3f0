"""Agreement with Keras of all ways to a network's labels, on photographs of different sizes.

    python -m tests.benchmarks.agreement PHOTOGRAPHS... --network FILE

PHOTOGRAPHS are folders of JPEG and PNG files. 20 photographs are taken from them in turns, cropped
and scaled to 20 sizes from 97 x 131 to 1201 x 1599 pixels, and stored as JPEG; every fourth is
rotated and has the rotation in its EXIF. FILE becomes a version in a temporary MLflow store. Then
the commands of the README run, and servers on loopback are used. Each result is compared, pixel by
pixel at the photographs' own sizes, with `faceseg.load(FILE).predict(photograph)`. The table is
Markdown. Its last line compares Keras with its own labels shifted by one pixel, as a reference.
"""

import argparse
import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from faceseg.metrics.confusion_matrix import (
    MIN_PRESENT_PIXELS,
    class_iou,
    confusion,
    mean_of_defined,
)
from tests.benchmarks.serving import server
from tests.infra import mlflow_scoring
from tests.infra.processes import free_port
from tests.pipelines.serve.model_versions import NAME, ModelVersions
from tests.pipelines.serve.sample_photographs import decoded

Labels = NDArray[np.uint8]

SIZES = (  # rows and columns
    *((97, 131), (128, 96), (150, 150), (181, 241), (200, 267), (211, 157), (240, 320)),
    *((256, 256), (271, 363), (301, 225), (333, 500), (360, 270), (427, 321), (480, 640)),
    *((512, 341), (600, 450), (683, 1024), (768, 1025), (1080, 809), (1201, 1599)),
)
WAIT = 600.0  # seconds for a response on a very busy machine
ROTATED = 6  # EXIF: rotate by 90 degrees clockwise
ORIENTATION = 0x0112
CHAMPION = f"models:/{NAME}@champion"
EXPORTS = {
    "onnx": {"float32": "ONNX Runtime", "int8": "ONNX Runtime, 8 bits"},
    "litert": {"float32": "LiteRT", "float16": "LiteRT, 16 bits", "int8": "LiteRT, 8 bits"},
}
HEADING = (
    "way",
    "photographs",
    "equal pixels",
    "different pixels",
    "foreground IoU",
    "worst image",
)


@dataclass(frozen=True)
class Row:
    """The agreement of label maps with Keras's.

    Attributes:
        equal: Share of all pixels.
        other: Number of different pixels.
        iou: IoU over all photographs, mean over the foreground classes that Keras predicts for at
            least 16 pixels.
        worst: The lowest share of equal pixels of a photograph.
    """

    way: str
    photographs: int
    equal: float
    other: int
    iou: float
    worst: float

    def __str__(self) -> str:
        figures = (f"{self.equal:.4%}", f"{self.other:,}", f"{self.iou:.4f}", f"{self.worst:.2%}")
        return f"| {self.way} | {self.photographs} | {' | '.join(figures)} |"


def compared(way: str, expected: Sequence[Labels], found: Sequence[Labels], classes: int) -> Row:
    """Compare label maps (H, W) in pairs; ValueError if their numbers or sizes differ."""
    counts = np.zeros((classes, classes), np.int64)
    shares = []
    for ours, theirs in zip(expected, found, strict=True):
        counts += confusion(ours, theirs, classes)
        shares.append(float(np.mean(ours == theirs)))
    seen = counts.sum(axis=1) >= MIN_PRESENT_PIXELS
    ious = np.where(seen, class_iou(counts), np.nan)[1:]
    other = int(counts.sum() - np.trace(counts))
    equal = 1 - other / counts.sum()
    return Row(way, len(shares), float(equal), other, float(mean_of_defined(ious)), min(shares))


def moved(labels: Labels) -> Labels:
    """Return labels (H, W) shifted to the right by one pixel; the first column is repeated."""
    return np.concatenate([labels[:, :1], labels[:, :-1]], axis=1)


def write_photographs(folders: Sequence[Path], out: Path) -> list[Path]:
    """Write one photograph of each size, from the folders in turns."""
    sources = [sorted(_images(folder)) for folder in folders]
    paths = []
    for at, (rows, columns) in enumerate(SIZES):
        files = sources[at % len(sources)]
        with Image.open(files[at // len(sources) * 7 % len(files)]) as image:
            made = ImageOps.fit(image.convert("RGB"), (columns, rows), Image.Resampling.LANCZOS)
        exif = Image.Exif()
        if at % 4 == 3:
            made = made.transpose(Image.Transpose.ROTATE_90)
            exif[ORIENTATION] = ROTATED
        paths.append(out / f"{at:02}-{rows}x{columns}.jpg")
        made.save(paths[-1], quality=95, exif=exif)
    return paths


def _images(folder: Path) -> Iterator[Path]:
    found = [path for kind in ("jpg", "jpeg", "png") for path in folder.rglob(f"*.{kind}")]
    if not found:
        raise SystemExit(f"{folder} contains no photographs")
    return (path for path in found if not path.parent.name.startswith("labels"))


def by_predict(model: str, photographs: Path, out: Path, uri: str) -> list[Labels]:
    """Label a folder with `faceseg predict`."""
    run_faceseg("predict", model, str(photographs), "--out", str(out), "--tracking", uri)
    return [decoded(path.read_bytes()) for path in sorted((out / "masks").iterdir())]


def by_mlflow(model: str, photographs: Sequence[Path], uri: str) -> list[Labels]:
    """Label photographs with `mlflow models serve`, four at a time."""
    found: list[Labels] = []
    with mlflow_scoring.scoring_server(model, {"MLFLOW_TRACKING_URI": uri}) as address:
        for first in range(0, len(photographs), 4):
            part = [path.read_bytes() for path in photographs[first : first + 4]]
            inputs = [{"image": base64.b64encode(each).decode()} for each in part]
            status, response = mlflow_scoring.post_invocation(address, {"inputs": inputs})
            if status != 200:
                raise SystemExit(f"mlflow models serve returned {status}: {response}")
            found += [mlflow_scoring.label_map(text) for text in response["predictions"]]
    return found


def by_serve(photographs: Sequence[Path], uri: str) -> list[Labels]:
    """Label photographs with `faceseg serve`, one after the other."""
    with server(uri, free_port(), 1) as (at, _), httpx.Client(trust_env=False) as client:
        responses = [
            client.post(f"{at}/v1/predict", content=path.read_bytes(), timeout=WAIT)
            for path in photographs
        ]
    return [decoded(each.raise_for_status().content) for each in responses]


def by_exports(
    format_name: str, photographs: Path, folder: Path, uri: str
) -> dict[str, list[Labels]]:
    """Export the champion with 8-bit scales from the photographs; label them with each file.

    Every second photograph is used for the scales, so the 8-bit figures are slightly too good.
    """
    ways = EXPORTS[format_name]
    words = [word for precision in ways for word in ("--precision", precision)]
    words += ["--format", format_name, "--out", str(folder), "--tracking", uri]
    run_faceseg("export", CHAMPION, *words, "--images", str(photographs), refused=True)
    found = {}
    for precision, way in ways.items():
        exported = folder / f"{format_name}-{precision}"
        if exported.exists():  # otherwise it was refused, and the export prints the reason
            out = folder / f"masks-{exported.name}"
            found[way] = by_predict(str(exported), photographs, out, uri)
    return found


def run_faceseg(*words: str, refused: bool = False) -> None:
    """Run a command of the README; SystemExit if it fails. refused: exit code 2 is accepted."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *words],
        env={**os.environ, "COLUMNS": "120"},
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode != 0 and not (refused and done.returncode == 2):
        raise SystemExit(f"faceseg {' '.join(words)} ended with {done.returncode}")


def measured(network: Path, folders: Sequence[Path], place: Path) -> list[Row]:
    """Return a row for each way to a network's labels."""
    from faceseg.data.images import read_image
    from faceseg.inference.predictor import load

    (place / "photographs").mkdir()
    photographs = write_photographs(folders, place / "photographs")
    store = ModelVersions(place)
    store.champion(store.version(network))
    folder, uri = place / "photographs", store.uri
    with ThreadPoolExecutor() as together:  # most of the time is the start of servers
        exports = [
            together.submit(by_exports, name, folder, place / f"exported-{name}", uri)
            for name in EXPORTS
        ]
        predicted = together.submit(by_predict, CHAMPION, folder, place / "predicted", uri)
        by_models_serve = together.submit(by_mlflow, CHAMPION, photographs, uri)
        served = together.submit(by_serve, photographs, uri)
    predictor = load(network)
    expected = [predictor.predict(read_image(path)) for path in photographs]
    by_way = {
        "`faceseg predict`": predicted.result(),
        "`mlflow models serve`": by_models_serve.result(),
        "`faceseg serve`": served.result(),
    }
    for exported in exports:
        by_way |= exported.result()
    by_way["Keras, shifted by one pixel"] = [moved(labels) for labels in expected]
    classes = len(predictor.classes)
    return [compared(way, expected, labels, classes) for way, labels in by_way.items()]


def given_photographs_and_network(description: str | None) -> argparse.Namespace:
    """Read `photographs` and `network` from the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--network", type=Path, required=True, help="A trained .keras file.")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    given = given_photographs_and_network(__doc__)
    with TemporaryDirectory(prefix="faceseg-agreement-") as folder:
        rows = measured(given.network.resolve(), given.photographs, Path(folder))
    pixels = sum(height * width for height, width in SIZES)
    print(f"{given.network}, {len(SIZES)} photographs, {pixels:,} pixels\n")
    print(f"| {' | '.join(HEADING)} |\n|{'---|' * len(HEADING)}")
    print("\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
