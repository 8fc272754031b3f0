"""One unit of work: a trial of the search, or a final of a winner."""

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from faceseg.training.settings import TrainingSettings

JobKind = Literal["trial", "final"]


@dataclass(frozen=True)
class JobKey:
    """What names a job for ever: a job started again has the same key."""

    kind: JobKind
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

    key: JobKey
    study: str
    seed: int
    attempt: int
    settings: TrainingSettings


def derive_seed(base: int, *names: object) -> int:
    """Derive a 31-bit seed from the experiment's and some names; the same on every machine."""
    text = "/".join(str(name) for name in (base, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


# --- What a job may say while it runs, and to whom: the coordinator, or a terminal.


class Reporter(Protocol):
    """The way back from a job in progress."""

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Tell how far the job is. May be lost."""

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Tell an epoch's `val/iou`; return whether to go on (False: pruned)."""
