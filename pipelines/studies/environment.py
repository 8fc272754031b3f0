"""Defaults for the environment variables that the frameworks read when they are imported."""

import os

from faceseg.backends import preferred

QUIET_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GRPC_VERBOSITY": "ERROR",
}


def set_default_environment() -> None:
    """Choose Keras's backend and quiet the frameworks' own logs.

    A variable that is set already keeps its value. Call this before a framework is imported.
    """
    os.environ.setdefault("KERAS_BACKEND", preferred())
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
