"""How well `faceseg audit` finds wrong labels: 100 planted errors among 2,000 drawn faces.

    python -m tests.benchmarks.label_audit [--set KEY=VALUE ...] [--folder FOLDER]

25 label maps each have left and right exchanged, lack a part, are those of another image, or are
shifted by 8 to 12 % of the side. The audit reads them as it reads a user's folder. It is resumed
if FOLDER contains an interrupted one. The measures were developed on the faces of seed 0; the
default is 1.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.evaluation.label_audit import MISSING, OTHER, SHIFTED, SWAPPED
from tests.benchmarks.machine import described

FACES = {"train": 1600, "val": 200, "test": 200}
SIZE = 64
EACH = 25  # planted errors of each kind
NAMED = {  # kinds of errors, and the reason that the audit should give
    "swapped": SWAPPED,
    "missing": MISSING,
    "other": OTHER,
    "shifted": SHIFTED,
}
KINDS = tuple(NAMED)
PLANTED = EACH * len(KINDS)
MIN_PART = 12  # pixels of a part that is removed
HAIR = 10
QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"

Labels = NDArray[np.uint8]


def swap_sides(labels: Labels) -> Labels:
    """Exchange the classes of each pair."""
    return np.asarray(LAPA.flip_table[labels])


def parts_of(labels: Labels) -> list[int]:
    """Return the parts (all classes but background and skin) that are large enough to miss."""
    return [part for part in range(2, len(LAPA)) if (labels == part).sum() >= MIN_PART]


def remove_part(labels: Labels, part: int) -> Labels:
    """Replace a part by what is behind it: hair by the background, others by skin."""
    return np.where(labels == part, np.uint8(0 if part == HAIR else 1), labels)


def shift(labels: Labels, right: int, down: int) -> Labels:
    """Move a label map; the background fills the edge."""
    matrix = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(labels, matrix, labels.shape[::-1], flags=cv2.INTER_NEAREST))


def plant_errors(labels: Labels, seed: int) -> tuple[Labels, dict[int, str]]:
    """Return label maps (N, H, W) with errors, and the kind of error of each wrong one."""
    rng = np.random.default_rng(seed)
    wrong, kinds = labels.copy(), {}
    remaining = iter(rng.permutation(len(labels)).tolist())
    for kind in KINDS:
        for _ in range(EACH):
            index = next(each for each in remaining if _suits(labels[each], kind))
            kinds[index] = kind
            if kind == "swapped":
                wrong[index] = swap_sides(labels[index])
            elif kind == "missing":
                wrong[index] = remove_part(labels[index], int(rng.choice(parts_of(labels[index]))))
            elif kind == "other":
                wrong[index] = labels[(index + rng.integers(1, len(labels))) % len(labels)]
            else:
                length, angle = SIZE * rng.uniform(0.08, 0.12), rng.uniform(0, 2 * np.pi)
                right, down = np.rint(length * np.array([np.cos(angle), np.sin(angle)])).astype(int)
                wrong[index] = shift(labels[index], int(right), int(down))
    return wrong, kinds


def _suits(labels: Labels, kind: str) -> bool:
    if kind == "swapped":
        return all((labels == eye).any() for eye in LAPA.eyes)
    return kind != "missing" or bool(parts_of(labels))


def write_faces(folder: Path, seed: int) -> dict[str, str]:
    """Draw the faces into LaPa's layout; return the kind of each planted error by its name."""
    drawn = DrawnFaces(counts=FACES, size=SIZE, difficulty=0.7, seed=seed)
    items = [item for split in FACES for item in drawn.items(split)]
    pairs = [item.read() for item in items]
    labels, kinds = plant_errors(np.stack([each for _, each in pairs]), seed)
    for item, (image, _), each in zip(items, pairs, labels, strict=True):
        for kind, pixels in (("images", image), ("labels", each)):
            file = folder / item.split / kind / f"{item.id}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return {items[index].id: kind for index, kind in kinds.items()}


def main(arguments: Iterable[str] | None = None) -> None:
    """Plant the errors, run the audit, and print precision and recall at 100."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--folder", type=Path, default=Path("results/label-audit"))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(None if arguments is None else list(arguments))
    settings = given.folder / "planted.json"
    if not settings.exists():
        kinds = write_faces(given.folder / "faces", given.seed)
        settings.write_text(json.dumps(kinds), encoding="utf-8")
    planted = json.loads(settings.read_text("utf-8"))
    began = time.perf_counter()
    page = audit(given.folder, tuple(given.settings))
    took = time.perf_counter() - began
    print(described("tensorflow", "keras"))
    print(f"audit of {sum(FACES.values())} faces: {took:.0f} s; {page}")
    for line in report(page.with_name("audit.csv"), planted):
        print(line, flush=True)


def audit(folder: Path, settings: tuple[str, ...]) -> Path:
    """Audit the faces in a folder with the quickstart's U-Net; return the page."""
    from rich.console import Console

    from pipelines.audit.audit import audit_labels
    from pipelines.config import load

    data = {"source": "directory", "path": str(folder / "faces")}
    (overlay := folder / "planted.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "planted",
                "data": data,
                "training": {"epochs": 10, "batch_size": 16, "learning_rate": 1e-2},
                "resources": {"cpus": 2},
                "storage": str(folder / "results"),
            }
        )
    )
    experiment = load(QUICKSTART, (f"@{overlay}", *settings))
    return audit_labels(experiment, Console(), folds=5, top=PLANTED)


def report(table: Path, planted: dict[str, str]) -> Iterable[str]:
    """Yield the precision at the number of planted errors, and what was found of each kind."""
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    first = rows[: len(planted)]
    right = sum(each["image"] in planted for each in first)
    yield f"precision at {len(planted)}: {right / len(first):.2f}"
    for kind in KINDS:
        found = [each for each in first if planted.get(each["image"]) == kind]
        named = sum(each["reason"] == NAMED[kind] for each in found)
        total = sum(each == kind for each in planted.values())
        yield f"{kind}: {len(found)} of {total} found, {named} with the reason '{NAMED[kind]}'"
    by_quality = sorted(rows, key=lambda each: float(each["label_quality"]))[: len(planted)]
    right = sum(each["image"] in planted for each in by_quality)
    yield f"by the soft minimum of the self-confidence alone: {right / len(first):.2f}"


if __name__ == "__main__":
    main()
