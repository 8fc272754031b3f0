"""The code and the packages of a process, and how they differ from another's.

A study whose processes run different versions mixes what cannot be compared, or fails late in a
way that nobody can read. A submitted job carries its sender's versions and compares them first.
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

VERSIONS_VARIABLE = "FACESEG_VERSIONS"  # the environment variable in which a job finds its sender's
PACKAGES = (*BACKENDS, "keras", "ray", "optuna", "mlflow", "numpy")


def installed_versions() -> dict[str, str]:
    """Return this process's versions; `faceseg` is a hash of its source, which says more."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "faceseg": _source()} | {name: _version(name) for name in PACKAGES}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a line for each part that is not the same."""
    return [
        f"{name}: {expected.get(name, 'none')} expected, {found.get(name, 'none')} found"
        for name in {**expected, **found}
        if expected.get(name) != found.get(name)
    ]


def version_variables() -> dict[str, str]:
    """Return the environment variables by which a job carries this process's versions."""
    return {VERSIONS_VARIABLE: json.dumps(installed_versions())}


def check_sender_versions() -> None:
    """Refuse to run a job with other versions than its sender's; nothing to do without one."""
    if VERSIONS_VARIABLE not in os.environ:
        return
    if wrong := differences(json.loads(os.environ[VERSIONS_VARIABLE]), installed_versions()):
        listed = "".join(f"\n  {line}" for line in wrong)
        raise UserError(
            f"the cluster runs other versions than the machine that sent this job:{listed}\n"
            "Install the same lock file on the nodes (infra/README.md), or submit from a machine "
            "or container with theirs; where `faceseg` differs, submit from the folder that "
            "holds its source, so that the source travels"
        )


def commit() -> str:
    """Return the commit of the code, marked if it was changed since; 'unknown' without git."""
    if given := os.environ.get("FACESEG_COMMIT"):
        return given
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607
            cwd=here,
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
    """Return a hash of all Python files of faceseg and pipelines."""
    digest = hashlib.sha256()
    for name in ("faceseg", "pipelines"):
        found = find_spec(name)
        for place in (found.submodule_search_locations or []) if found else []:
            for path in sorted(Path(place).rglob("*.py")):
                digest.update(path.relative_to(place).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
