"""Tests of web pages do not pass unnoticed where there is no browser."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.infra.browser import chromium

PROGRAMS = ("bash", "cp", "dirname", "sh", "timeout")
# Stands for `make`: prints whether the browser is required.
MAKE = '#!/bin/sh\necho "$@: required=${FACESEG_REQUIRE_BROWSER:-no}"\nexit ${MAKE_STATUS:-0}\n'
INSTALLS = '#!/bin/sh\n[ "$1" = update ] || cp "$0" "${0%/*}/chromium"\n'
FAILS = "#!/bin/sh\nexit 100\n"


def test_without_a_browser_a_test_is_skipped_or_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FACESEG_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        chromium()
    monkeypatch.setenv("FACESEG_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        chromium()


@pytest.mark.parametrize(
    ("programs", "found"),
    [
        ({"chromium": FAILS}, True),
        ({"apt-get": INSTALLS, "id": "#!/bin/sh\necho 0\n"}, True),
        ({"apt-get": FAILS, "id": "#!/bin/sh\necho 0\n"}, False),
        ({"apt-get": INSTALLS, "id": "#!/bin/sh\necho 1000\n"}, False),
        ({"id": "#!/bin/sh\necho 0\n"}, False),
    ],
    ids=["there", "installed", "no network", "no root", "no apt"],
)
@pytest.mark.parametrize("status", [0, 7])
def test_ci_installs_the_browser_where_it_may_and_requires_it(
    programs: dict[str, str], found: bool, status: int, tmp_path: Path
):
    for name in PROGRAMS:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    for name, text in {"make": MAKE, **programs}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": str(tmp_path), "MAKE_STATUS": str(status)}
    environment.pop("FACESEG_REQUIRE_BROWSER", None)
    done = subprocess.run(
        [REPOSITORY / ".ci/run"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert done.stdout == "test: required=1\n"
    assert ("the tests of web pages will fail" in done.stderr) is not found
