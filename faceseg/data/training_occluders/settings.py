"""The settings of the occluders of training images."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

VERSION = "occ-train-v1"
Kind = Literal["bottle", "cup", "fan", "foliage", "ice_cream", "microphone"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Occluders(BaseModel):
    """The occluders that are drawn on training images, from the suite occ-train-v1.

    Covered pixels are labelled background, the label that occ-v1 scores by under its first policy.

    Attributes:
        kinds: The kinds of objects, each with the same probability.
        share: Share of the images that get an occluder; 0 draws none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kinds: tuple[Kind, ...] = Field(default=KINDS, min_length=1, max_length=len(KINDS))
    share: float = Field(default=0.0, ge=0, le=1)

    @field_validator("kinds")
    @classmethod
    def _check_kinds(cls, value: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"a kind is named twice in {', '.join(value)}")
        return value
