"""The import contracts hold, and each is broken by an import in the wrong direction."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    # The working directory comes first on the path: the copy is checked, not the installed package.
    program = "from importlinter.cli import lint_imports_command as main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("faceseg", "pipelines"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("faceseg/errors.py", "pipelines.config.schema"),  # the library imports the pipelines
        ("faceseg/data/images.py", "faceseg.networks.layers"),  # up one room
        ("faceseg/networks/unet.py", "faceseg.training.loop"),
        ("faceseg/training/loop.py", "faceseg.statistics.estimates"),  # a room beside it
        ("pipelines/config/reading.py", "pipelines.search.driver"),
        ("pipelines/tracking/tracker.py", "pipelines.job.context"),
        ("pipelines/serve/app.py", "pipelines.demo.page"),
        ("pipelines/compare/analysis/measures.py", "pipelines.compare.report.advice"),
    ],
)
def test_an_import_in_the_wrong_direction_breaks_a_contract(
    copy: Path, file: str, planted: str
) -> None:
    path = copy / file
    path.write_text(f"{path.read_text('utf-8')}\nimport {planted}  # planted\n", encoding="utf-8")
    done = lint_imports(copy)
    assert done.returncode == 1
    importer = file.removesuffix(".py").replace("/", ".")
    assert f"{importer} -> {planted}" in done.stdout
