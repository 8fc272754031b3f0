"""Versions of the code and of the packages of a process, and their differences.

A study whose processes run different versions mixes results that are not comparable, or fails
late with an obscure message. A submitted job therefore contains the versions of the machine that
submitted it, and compares them before it starts.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from faceseg.backends import BACKENDS
from faceseg.errors import UserError

VERSIONS_VARIABLE = "FACESEG_VERSIONS"  # set for a submitted job
PACKAGES = (*BACKENDS, "keras", "ray", "optuna", "mlflow", "numpy")


def installed_versions() -> dict[str, str]:
    """Return this process's versions, by package name.

    The version of `faceseg` is a hash of its source, because the source changes between releases.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "faceseg": _source()} | {name: _version(name) for name in PACKAGES}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return one line for each version that differs."""
    return [
        f"{name}: {expected.get(name, 'none')} expected, {found.get(name, 'none')} found"
        for name in {**expected, **found}
        if expected.get(name) != found.get(name)
    ]


def version_variables() -> dict[str, str]:
    """Return the environment variables that pass this process's versions to a job."""
    return {VERSIONS_VARIABLE: json.dumps(installed_versions())}


def check_sender_versions() -> None:
    """Compare a submitted job's versions with those of the machine that submitted it.

    Raises:
        UserError: A version differs. Outside a submitted job there is nothing to compare.
    """
    if VERSIONS_VARIABLE not in os.environ:
        return
    if different := differences(json.loads(os.environ[VERSIONS_VARIABLE]), installed_versions()):
        lines = "".join(f"\n  {line}" for line in different)
        raise UserError(
            f"the cluster's versions differ from those of the machine that submitted the job:"
            f"{lines}\nInstall the same lock file on the nodes (infra/README.md), or submit from "
            "a machine or container with their versions; if `faceseg` differs, submit from the "
            "folder that contains its source, so that the source is sent"
        )


def commit() -> str:
    """Return the commit of the code from FACESEG_COMMIT or git; 'unknown' without either.

    It ends in `-dirty` if the working tree has uncommitted changes.
    """
    if given := os.environ.get("FACESEG_COMMIT"):
        return given
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _source() -> str:
    """Return a hash of all Python files of `faceseg` and `pipelines`."""
    digest = hashlib.sha256()
    for name in ("faceseg", "pipelines"):
        found = find_spec(name)
        for folder in (found.submodule_search_locations or []) if found else []:
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
