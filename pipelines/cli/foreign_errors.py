"""Distinguish errors whose cause is outside the program from its defects, for the command line.

The rooms have functions that explain the errors of their subjects; this module calls them in order.
The function for a library is called only if the library is loaded: otherwise it raised no error.
"""

import sys

from faceseg.backends import BACKENDS
from faceseg.errors import UserError, causes
from pipelines.config.file_errors import file_error_message

# MLflow and the libraries that it uses. Errors of Optuna are explained where it is used.
MLFLOW_LIBRARIES = ("mlflow", "sqlalchemy", "sqlite3", "alembic")


def explanation(error: BaseException) -> str | None:
    """Return a paragraph about an error that the program did not cause; None for a defect.

    Args:
        error: An exception that a verb did not handle.
    """
    if isinstance(error, UserError):
        return str(error)
    for explain in (_missing_backend, _ray, _mlflow, file_error_message, _memory):
        if words := explain(error):
            return words
    return None


def _missing_backend(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError) or error.name not in BACKENDS:
        return None
    return (
        f"Keras's backend is {error.name}, which is not installed; install it, or set "
        "KERAS_BACKEND to an installed one"
    )


def _ray(error: BaseException) -> str | None:
    if "ray" not in sys.modules:
        return None
    from ray.exceptions import RayTaskError

    from pipelines.cluster.ray_errors import ray_error_message

    if isinstance(error, RayTaskError):  # contains the error that a worker raised
        return explanation(error.cause)
    return ray_error_message(error)


def _mlflow(error: BaseException) -> str | None:
    if not any(_module(each) in MLFLOW_LIBRARIES for each in causes(error)):
        return None
    import mlflow

    from pipelines.tracking.errors import mlflow_error_message

    return mlflow_error_message(error, mlflow.get_tracking_uri())  # set by the tracker in use


def _module(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _memory(error: BaseException) -> str | None:
    if not any(isinstance(each, MemoryError) for each in causes(error)):
        return None
    return (
        f"this machine has too little free memory ({error or 'MemoryError'}): close other "
        "programs, or lower the batch size or the size of the images"
    )
