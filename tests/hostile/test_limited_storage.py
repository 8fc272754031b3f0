"""A full or read-only disk ends a verb in a paragraph and damages nothing that was finished."""

import json
import os
import subprocess
import sys
from fnmatch import fnmatch
from typing import Any

import pytest

from faceseg.backends import preferred
from tests.conftest import REPOSITORY
from tests.hostile.limited_storage import CASES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(preferred() != "tensorflow", reason="`faceseg export` needs TensorFlow"),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all cases in one process, since importing the frameworks takes seconds."""
    folder = tmp_path_factory.mktemp("limited")
    enter = ["unshare", "-rm"]
    try:
        subprocess.run([*enter, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system is not allowed here (unshare -rm)")
    command = [*enter, sys.executable, "-m", "tests.hostile.limited_storage", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "outcomes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_it_ends_in_a_paragraph_and_damages_nothing(name: str, outcomes: dict[str, Any]):
    case, outcome = CASES[name], outcomes[name]
    text, before, after = outcome["text"], outcome["before"], outcome["after"]
    assert outcome["code"] == 2, text
    assert "error: " in text
    assert case.named in text
    assert "Traceback" not in text
    assert {path: after.get(path) for path in before} == before
    new = sorted(after.keys() - before.keys())
    assert all(any(fnmatch(path, pattern) for pattern in case.kept) for path in new), new
    assert all(any(fnmatch(path, pattern) for path in new) for pattern in case.kept), new
