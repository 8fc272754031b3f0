"""How child processes find the program's code: never in the current folder.

`python -m MODULE` and Ray's workers import from the current folder first. A user's `queue.py`
there would replace the standard library's.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.job_config import JobConfig

SOURCE_FOLDER = Path(__file__).resolve().parents[2]
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set by Ray in the environment of a job's command


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python.

    Args:
        module: The dotted name of an installed module that can be run.
        *arguments: The module's arguments.

    Returns:
        `python -P -m MODULE ARGUMENTS`; without `-P` where the current folder contains the
        program's own source, which need not be installed.
    """
    options = [] if _is_source_folder() else ["-P"]
    return [sys.executable, *options, "-m", module, *arguments]


def mlflow_server_environment() -> dict[str, str]:
    """Return the variables that keep MLflow's own child processes out of the current folder.

    Uvicorn adds a folder of its own to the path, by default the current one. Python's folder
    contains no modules.
    """
    return {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": str(Path(sys.executable).parent)}


def ray_job_config() -> "JobConfig | None":
    """Return the configuration with which `ray.init` leaves the current folder out of the path.

    Returns:
        None, which selects Ray's own, in a submitted job, whose working directory is the source
        that was sent, and where the current folder contains the program's own source.
    """
    if JOB_VARIABLE in os.environ or _is_source_folder():
        return None
    from ray.job_config import JobConfig

    # Ray has no public option for this. A driver that is not Ray's client adds its folder; the
    # flag has no other effect on a job without a runtime environment.
    return JobConfig(_client_job=True)


def _is_source_folder() -> bool:
    return Path.cwd() == SOURCE_FOLDER
