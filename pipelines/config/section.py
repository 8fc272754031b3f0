"""The base of an experiment's sections."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from faceseg.data.image_files import is_utf8, printable


class Section(BaseModel):
    """A frozen section that refuses unknown keys.

    A study's name contains a digest of its settings. A field that was added later is excluded
    from the digest while it has its default (`exclude_if`), so that earlier studies keep their
    names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _check_path(cls, value: object) -> object:
        if not isinstance(value, Path):
            return value
        # The experiment is stored as JSON, and MLflow's and Optuna's addresses contain its paths.
        if not is_utf8(str(value)):
            raise ValueError(f"{printable(value)} is not UTF-8; rename it, or give a link to it")
        try:
            value.expanduser()
        except RuntimeError as error:
            raise ValueError(
                f"{value} begins with a home folder that is not known; give the whole path"
            ) from error
        return value


def is_none(value: object) -> bool:
    """Return whether a key has no value: with it, a dump and so a study's digest leaves it out."""
    return value is None
