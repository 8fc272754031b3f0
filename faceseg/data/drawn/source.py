"""Drawn faces as a source of data: splits, items, and an identity for the cache."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.drawn.painting import VERSION, check_size, draw_face, factors_of
from faceseg.data.source import Facts
from faceseg.errors import UserError


@dataclass(frozen=True)
class DrawnItem:
    """One face yet to be drawn, named by (seed, split, index)."""

    seed: int
    split: str
    index: int
    size: int
    difficulty: float

    @property
    def id(self) -> str:
        """The stem under which the face is known, such as `train-000012`."""
        return f"{self.split}-{self.index:06d}"

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw the face: uint8 RGB (size, size, 3) and its labels, uint8 (size, size)."""
        face = draw_face((self.seed, self.split, self.index), self.size, self.difficulty)
        return face.image, face.labels

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return the factors that scores are sliced by."""
        factors = factors_of((self.seed, self.split, self.index), self.difficulty)
        return {
            "yaw_degrees": factors.pose.yaw_degrees,
            "skin_tone": factors.person.skin_tone,
            "occluder": factors.scene.occluder,
        }

    def factors(self) -> dict[str, object]:
        """Return the face's factors of variation, flat and JSON-able, without drawing it."""
        return factors_of((self.seed, self.split, self.index), self.difficulty).as_dict()


@dataclass(frozen=True)
class DrawnFaces:
    """A data set of drawn faces. No face is in two splits: the split is part of its key.

    Raises UserError where a count is negative or there is no face at all.
    """

    counts: Mapping[str, int] = field(
        default_factory=lambda: {"train": 600, "val": 100, "test": 100}
    )
    size: int = 128
    difficulty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that make no data set, and a difficulty or size out of range."""
        if not self.counts or min(self.counts.values()) < 0 or not sum(self.counts.values()):
            raise UserError(
                f"drawn faces need a count for each split, 0 or more, some above 0; "
                f"got {dict(self.counts)}"
            )
        check_size(self.size)
        factors_of(self.seed, self.difficulty)  # refuses a difficulty out of range at once

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in the order of the counts."""
        return tuple(self.counts)

    def items(self, split: str) -> list[DrawnItem]:
        """Return the items of a split; nothing is drawn before an item is read."""
        if split not in self.counts:
            raise UserError(f"drawn faces have the splits {', '.join(self.counts)}; got '{split}'")
        count = self.counts[split]
        return [
            DrawnItem(self.seed, split, index, self.size, self.difficulty) for index in range(count)
        ]

    def identity(self) -> dict[str, JsonValue]:
        """Return what the faces depend on, JSON-able: equal identities draw equal data."""
        counts: dict[str, JsonValue] = {**self.counts}
        return {
            "source": "drawn",
            "version": VERSION,
            "counts": counts,
            "size": self.size,
            "difficulty": self.difficulty,
            "seed": self.seed,
        }
