"""The name of the registered model of an experiment that sets none.

Versions of one registered model share their aliases, so each data set of a user gets its
own registered model.
"""

from pydantic import ValidationInfo

from faceseg.data.classes import LAPA
from pipelines.config.data_section import Data
from pipelines.config.names import MAX_LENGTH
from pipelines.config.sections import Tracking

SHARED_MODEL = "faceseg"  # of LaPa and drawn faces; up to 0.2.0, of all data sets


def default_registered_model(experiment: str, data: Data) -> str:
    """Return the registered model of an experiment that sets none.

    Args:
        experiment: The experiment's name. Folders of images are often called `data` or `photos`,
            so the folder's name would not distinguish data sets.
        data: The experiment's data.

    Returns:
        `faceseg` for LaPa's classes on LaPa or on drawn faces, `faceseg-EXPERIMENT` otherwise.

    Example:
        >>> default_registered_model("mine", Data(source="directory", path="photos"))
        'faceseg-mine'
    """
    if data.class_set == LAPA and data.source in ("lapa", "drawn"):
        return SHARED_MODEL
    return f"{SHARED_MODEL}-{experiment}"[:MAX_LENGTH]


def with_registered_model(tracking: Tracking, info: ValidationInfo) -> Tracking:
    """Return the section with a registered model's name; `model_fields_set` remains as it is."""
    if sets_registered_model(tracking) or not {"name", "data"} <= info.data.keys():
        return tracking
    model = default_registered_model(info.data["name"], info.data["data"])
    values = dict(tracking) | {"registered_model": model}
    return Tracking.model_construct(set(tracking.model_fields_set), **values)


def sets_registered_model(tracking: Tracking) -> bool:
    """Return whether the experiment itself sets the name, which then always holds."""
    return "registered_model" in tracking.model_fields_set
