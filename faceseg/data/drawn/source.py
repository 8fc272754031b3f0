"""Drawn faces as a source of labelled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.drawn.painting import VERSION, check_size, draw_face, factors_of
from faceseg.data.source import Facts
from faceseg.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DrawnItem:
    """One face, which is drawn when it is read. Its key is (seed, split, index)."""

    seed: int
    split: str
    index: int
    size: int
    difficulty: float

    @property
    def id(self) -> str:
        """The name of the face in its split, such as `train-000012`."""
        return f"{self.split}-{self.index:06d}"

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw the face; return uint8 RGB (size, size, 3) and labels, uint8 (size, size)."""
        face = draw_face((self.seed, self.split, self.index), self.size, self.difficulty)
        return face.image, face.labels

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return the factors by which scores are sliced."""
        factors = factors_of((self.seed, self.split, self.index), self.difficulty)
        return {
            "yaw_degrees": factors.pose.yaw_degrees,
            "skin_tone": factors.person.skin_tone,
            "occluder": factors.scene.occluder,
        }

    def factors(self) -> dict[str, object]:
        """Return the face's factors of variation, flat and JSON-able, without drawing it."""
        return factors_of((self.seed, self.split, self.index), self.difficulty).as_dict()


@dataclass(frozen=True, kw_only=True)
class DrawnFaces:
    """A data set of drawn faces. No face is in two splits, because the split is part of its key.

    Attributes:
        counts: The number of faces in each split.
        size: Pixels a side.
        difficulty: From 0 to 1.5; see `draw_face`.
        seed: The seed of all faces.

    Raises:
        UserError: A count is negative, there is no face at all, or the size or the difficulty
            is out of range.
    """

    counts: Mapping[str, int] = field(
        default_factory=lambda: {"train": 600, "val": 100, "test": 100}
    )
    size: int = 128
    difficulty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the counts, the size and the difficulty."""
        if not self.counts or min(self.counts.values()) < 0 or not sum(self.counts.values()):
            raise UserError(
                f"drawn faces need a count for each split, 0 or more, some above 0; "
                f"got {dict(self.counts)}"
            )
        check_size(self.size)
        factors_of(self.seed, self.difficulty)  # raises if the difficulty is out of range

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in the order of the counts."""
        return tuple(self.counts)

    def items(self, split: str) -> list[DrawnItem]:
        """Return the items of a split. A face is drawn only when its item is read."""
        if split not in self.counts:
            raise UserError(f"drawn faces have the splits {', '.join(self.counts)}; got '{split}'")
        count = self.counts[split]
        return [
            DrawnItem(
                seed=self.seed,
                split=split,
                index=index,
                size=self.size,
                difficulty=self.difficulty,
            )
            for index in range(count)
        ]

    def identity(self) -> dict[str, JsonValue]:
        """Return the settings that determine the faces, JSON-able; equal ones give equal faces."""
        counts: dict[str, JsonValue] = {**self.counts}
        return {
            "source": "drawn",
            "version": VERSION,
            "counts": counts,
            "size": self.size,
            "difficulty": self.difficulty,
            "seed": self.seed,
        }

    def notes(self) -> Sequence[str]:
        """Return nothing: the labels are drawn in LaPa's classes."""
        return ()
