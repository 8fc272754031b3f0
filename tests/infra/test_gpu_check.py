"""The programs of the GPU check: wheels in pieces, and errors where something is missing."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CHECK, WHEELS = REPOSITORY / "infra" / "gpu-check", REPOSITORY / "infra" / "gpu-wheels"
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def run(*command: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, command)],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def make_wheel(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/__init__.py", "VALUE = 'from the pieces'\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("tiny-1.0.dist-info/RECORD", "")


@pytest.mark.slow
def test_wheels_in_pieces_are_joined_and_installed_for_the_run_alone(tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    whole = folder / "tiny-1.0-py3-none-any.whl"
    make_wheel(whole)
    content = whole.read_bytes()
    whole.unlink()
    (folder / f"{whole.name}.00").write_bytes(content[:200])
    (folder / f"{whole.name}.01").write_bytes(content[200:])
    # A stand-in for the check: it prints the packages that the check would find.
    python = program(
        tmp_path / "python",
        f'if [[ $2 == pip ]]; then exec {sys.executable} "$@"; fi\n'
        f"exec {sys.executable} -c 'import sys, tiny; print(tiny.VALUE, sys.argv[1:])'"
        ' "${@:3}"',
    )
    done = run(CHECK, "--wheels", folder, "--out", "somewhere", PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "from the pieces ['--out', 'somewhere']\n"
    assert run(sys.executable, "-c", "import tiny").returncode == 1  # removed at the end


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    done = run(CHECK, "--wheels", tmp_path / "none")
    assert done.returncode == 2
    assert "create it with infra/gpu-wheels" in done.stderr


def test_without_a_gpu_it_prints_what_to_do(tmp_path: Path) -> None:
    done = run(CHECK, "--out", tmp_path, PYTHON=sys.executable)
    assert done.returncode == 2
    assert "on a machine without a GPU use --cpu" in done.stderr
    assert not list(tmp_path.iterdir())


def test_wheels_are_those_of_the_lock_less_what_is_there_and_cut_to_size(tmp_path: Path) -> None:
    fetched = program(
        tmp_path / "bin" / "python3",
        "while (($#)); do\n"
        "    case $1 in --dest) dest=$2 ;; --requirement) wanted=$2 ;; esac\n"
        "    shift\n"
        "done\n"
        f'cp "$wanted" {tmp_path}/wanted.txt\n'
        'truncate --size=61000000 "$dest/large.whl"; truncate --size=1000 "$dest/small.whl"',
    )
    installed = tmp_path / "installed.txt"
    installed.write_text("numpy==2.4.0\nPyYAML==6.0\n", encoding="utf-8")
    path = f"{fetched.parent}:{os.environ['PATH']}"
    done = run(WHEELS, tmp_path / "wheels", "3.12", installed, PATH=path)
    assert done.returncode == 0, done.stderr
    wanted = (tmp_path / "wanted.txt").read_text("utf-8").splitlines()
    names = [line.partition("==")[0].partition("[")[0] for line in wanted]
    assert {"keras", "ray", "mlflow", "optuna"} <= set(names)
    assert not {"numpy", "pyyaml", "tensorflow"} & set(names)
    sizes = {each.name: each.stat().st_size for each in (tmp_path / "wheels").iterdir()}
    assert sizes == {"large.whl.00": 60_000_000, "large.whl.01": 1_000_000, "small.whl": 1000}


def test_it_prints_its_usage() -> None:
    done = run(WHEELS)
    assert done.returncode == 2
    assert "infra/gpu-wheels FOLDER PYTHON_VERSION" in done.stderr
