"""Class sets: the meaning of a data set's label ids.

A class set contains the names and colours of its classes, the pairs that a mirror exchanges,
and the classes with a role in other code (face, eyes, hair).
"""

from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

IGNORE = 255  # pixels with this id are neither trained on nor scored

Colour = tuple[int, int, int]


class ClassSet(BaseModel):
    """The classes of a data set. The id of a class is its index in `names`.

    Attributes:
        names: One name for each class.
        palette: One RGB colour for each class, 0 to 255.
        pairs: Ids (left, right) that a horizontal flip exchanges; 'left' means left in the
            image, as in LaPa.
        small: Ids that are averaged in `iou_small`.
        face: Ids that make up the face without hair. The size of an occluder is measured as a
            share of their pixels.
        eyes: Ids of the eyes: one for each, one for both, or none.
        skin: Id of the skin.
        hair: Id of the hair, or None.
        ears: Ids of the left and the right ear, or none. The jawline is measured between them.
        beard: Id of the beard, or None where a beard is skin or hair.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    palette: tuple[Colour, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    small: tuple[int, ...] = ()
    face: tuple[int, ...]
    eyes: tuple[int, ...] = ()
    skin: int = 1
    hair: int | None = None
    # Left out of dumps where absent: earlier packs and studies contain a digest of the class set.
    ears: tuple[int, ...] = Field((), exclude_if=lambda value: not value)
    beard: int | None = Field(None, exclude_if=lambda value: value is None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        count = len(self.names)
        if not 2 <= count < IGNORE:
            raise ValueError(f"a class set needs 2 to {IGNORE - 1} classes, got {count}")
        if len(self.palette) != count:
            raise ValueError(f"{count} names need {count} colours, got {len(self.palette)}")
        if len(set(self.names)) != count:
            raise ValueError("two classes have the same name")
        if any(not 0 <= channel <= 255 for colour in self.palette for channel in colour):
            raise ValueError("a colour is three numbers from 0 to 255")
        single = [each for each in (self.hair, self.beard) if each is not None]
        paired = [each for pair in self.pairs for each in pair]
        used = [*paired, *self.small, *self.face, *self.eyes, self.skin, *single, *self.ears]
        if strange := sorted({each for each in used if not 0 <= each < count}):
            raise ValueError(f"ids {strange} are not among 0 to {count - 1}")
        if len(self.ears) not in (0, 2):
            raise ValueError(f"ears are two ids, left and right, or none; got {len(self.ears)}")
        if len(set(paired)) != len(paired):
            raise ValueError("a class may be in one left/right pair only")
        return self

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def flip_table(self) -> NDArray[np.uint8]:
        """Look-up table (256,) from the id of a pixel to its id after a horizontal flip."""
        table = np.arange(256, dtype=np.uint8)
        for left, right in self.pairs:
            table[left], table[right] = right, left
        return table

    def colour(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels (H, W) in the colours of the palette, RGB (H, W, 3).

        Ignored pixels become mid grey.
        """
        table = np.full((256, 3), 128, dtype=np.uint8)
        table[: len(self)] = self.palette
        return table[labels]


LAPA = ClassSet(
    names=(
        "background",
        "skin",
        "left_eyebrow",
        "right_eyebrow",
        "left_eye",
        "right_eye",
        "nose",
        "upper_lip",
        "inner_mouth",
        "lower_lip",
        "hair",
    ),
    palette=(
        (0, 0, 0),
        (0, 153, 255),
        (102, 255, 153),
        (0, 204, 153),
        (255, 255, 102),
        (255, 255, 204),
        (255, 153, 0),
        (255, 102, 255),
        (102, 0, 51),
        (255, 204, 255),
        (255, 0, 102),
    ),
    pairs=((2, 3), (4, 5)),
    small=(2, 3, 4, 5, 7, 8, 9),
    face=(1, 2, 3, 4, 5, 6, 7, 8, 9),
    eyes=(4, 5),
    skin=1,
    hair=10,
)
