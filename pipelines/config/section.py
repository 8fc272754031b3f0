"""What all sections of an experiment are."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and closed to keys it does not know.

    An option that came later is left out while it says nothing (`exclude_if`): a study's name is
    a digest of its settings, and studies from before the option keep theirs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
