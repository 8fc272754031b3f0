"""Fixtures of all tests: the environment, a tiny data set on disk, and the folder of real data."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.backends import preferred

os.environ.setdefault("KERAS_BACKEND", preferred())
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPOSITORY = Path(__file__).parent.parent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Append the reasons of skipped tests to the file FACESEG_SKIPPED, for the end of make test."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {str(each.longrepr[2]).removeprefix("Skipped: ") for each in skipped}
    if reasons and (file := os.environ.get("FACESEG_SKIPPED")):
        with open(file, "a", encoding="utf-8") as stream:
            stream.writelines(f"  {reason}\n" for reason in reasons)


@pytest.fixture
def lapa_folder(tmp_path: Path) -> Path:
    """A folder in LaPa's layout: 4, 2 and 2 images of 40 x 32 (width x height) noise.

    Labels are stripes of the ids 0 to 10 from left to right: the left parts are left of the right.
    """
    rng = np.random.default_rng(0)
    stripes = (np.arange(40) * 11 // 40).astype(np.uint8)
    labels = Image.fromarray(np.tile(stripes, (32, 1)))
    root = tmp_path / "LaPa"
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for folder in ("images", "labels", "landmarks"):
            (root / split / folder).mkdir(parents=True)
        for number in range(count):
            name = f"{split}{number}"
            pixels = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
            suffix = "png" if number % 2 else "jpg"
            Image.fromarray(pixels).save(root / split / "images" / f"{name}.{suffix}")
            labels.save(root / split / "labels" / f"{name}.png")
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, from FACESEG_DATA; the test is skipped if there is none."""
    folder = Path(os.environ.get("FACESEG_DATA", REPOSITORY / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set FACESEG_DATA to run this test")
    return folder
