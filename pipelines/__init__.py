"""The stages of a study, its command line, and the same stages as Python functions.

Ray, Optuna and MLflow are used here and not in `faceseg`. Names below are loaded on first use, so
that importing the package is fast.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.studies.python_api import StudyResult, study, train
    from pipelines.studies.single_training import TrainingResult

# The handler that `logging` recommends for libraries: without it, warnings are printed to the
# terminal where no study's log is open.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = ["StudyResult", "TrainingResult", "study", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    from pipelines.studies.environment import set_default_environment

    set_default_environment()
    from pipelines.studies import python_api

    return getattr(python_api, name)
