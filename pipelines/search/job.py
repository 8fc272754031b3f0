"""One unit of work: a trial of the search, or a final of a winner."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from faceseg.training.settings import TrainingSettings

Kind = Literal["trial", "final"]


@dataclass(frozen=True)
class Key:
    """What names a job for ever: a job started again has the same key."""

    kind: Kind
    architecture: str
    number: int
    winner: str = ""  # finals only: the digest of the settings they retrain

    @property
    def label(self) -> str:
        """A short name for people, also the name of its run and its folder."""
        return f"{self.architecture}-{self.kind}-{self.number:03d}"

    @property
    def folder(self) -> str:
        """The name of its checkpoints' folder."""
        return f"{self.label}-{self.winner}" if self.winner else self.label


@dataclass(frozen=True)
class Job:
    """A key and all that a worker needs to do it. `attempt` counts from 1."""

    key: Key
    study: str
    seed: int
    attempt: int
    settings: TrainingSettings


def seed_of(base: int, *names: object) -> int:
    """Derive a 31-bit seed from the experiment's and some names; the same on every machine."""
    text = "/".join(str(name) for name in (base, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
