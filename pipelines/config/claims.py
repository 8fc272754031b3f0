"""A claim about networks, so declared that a study can answer it."""

from typing import Literal

from pydantic import Field

from pipelines.config.section import Section

PRETRAINED, ENSEMBLE = "pretrained", "ensemble"


class Claim(Section):
    """`who` is higher or lower in a measure than those it is `against`, or between them.

    `higher` and `lower` must hold against each of them; `between` means surely above one and
    surely below another.
    """

    text: str = Field(min_length=1, description="in words, as it stands in the report")
    measure: str = Field(description="a name of pipelines.compare.measures, such as iou_small")
    who: str = Field(
        description=f"a network; {ENSEMBLE!r}; or {PRETRAINED!r}: every network with a pretrained "
        "encoder, each against its own variant from scratch"
    )
    direction: Literal["higher", "lower", "between"]
    against: tuple[str, ...] = Field((), description="none: all other architectures")
    margin: float | None = Field(
        None, ge=0, description="differences up to this are no difference; None: the measure's own"
    )
