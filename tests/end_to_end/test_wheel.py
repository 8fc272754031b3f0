"""The wheel: what it contains, and the quickstart from it in an empty folder, by name."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("faceseg", "pipelines", "experiments")
BUILD_FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
# The quickstart with one network and as little work as possible.
SMALL = {
    "data__image_size": [32, 32],
    "data__drawn": {"train": 16, "val": 4, "test": 4, "size": 32},
    "architectures__unet": None,
    "architectures__pspnet": None,
    "training__epochs": 1,
    "search__trials": 1,
    "finals__epochs": 1,
    "robustness__kinds": ["gray_square"],
    "robustness__trial_images": 1,
    "robustness__final_images": 2,
    "resources__workers": 1,
}
STUDY = f"""
import pipelines
print("PACKAGE", pipelines.__path__[0])
result = pipelines.study("quickstart", **{SMALL!r})
print("NETWORKS", result.comparison.architecture.tolist())
"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RunPython = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the source, so that the build writes nothing into it."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in BUILD_FILES:
        shutil.copy(REPOSITORY / name, folder)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", "dist", "."],
        cwd=folder,
        check=True,
    )
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> RunPython:
    """Run Python with the wheel's packages before those of the environment."""
    packages = tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert str(REPOSITORY) not in done.stdout
        return done.stdout

    return run


def test_the_wheel_contains_all_sources_and_the_experiments(wheel: Path):
    expected = set()
    for name in SOURCES:
        prefix = "pipelines/" if name == "experiments" else ""
        for path in (REPOSITORY / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"{prefix}{path.relative_to(REPOSITORY).as_posix()}")
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert {"pipelines/experiments/quickstart.yaml", "faceseg/py.typed"} <= found


def test_the_verbs_accept_a_name_in_an_empty_folder(run_python: RunPython, tmp_path: Path):
    few = [f"--set=data.drawn.{split}=2" for split in ("train", "val", "test")]
    output = run_python(tmp_path, "-m", "pipelines", "prepare", "quickstart", *few)
    assert "images: 2 train, 2 val, 2 test at 64x64" in output
    # An overlay, and an experiment whose base is another included one.
    arguments = ("prepare", "reference-1-nearest", "--set", "@reference/drawn", *few)
    assert "images: 2 train, 2 val, 2 test at 64x64" in run_python(
        tmp_path, "-m", "pipelines", *arguments
    )
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


@pytest.mark.ray
@pytest.mark.nightly
def test_a_study_by_name_runs_in_an_empty_folder(run_python: RunPython, tmp_path: Path):
    output = run_python(tmp_path, "-c", STUDY)
    assert "NETWORKS ['segnet']" in output
    assert "packages" in output.partition("PACKAGE ")[2].splitlines()[0]
    assert (tmp_path / "results" / "quickstart" / "comparison.html").is_file()
