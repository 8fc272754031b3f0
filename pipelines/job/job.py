"""One unit of work: a trial of the search, or a final of its winner; and how it ended."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, cast

from faceseg.training.settings import TrainingSettings
from pipelines.job.spent import Spent

JobKind = Literal["trial", "final"]
# The name of an architecture may itself contain `-final-1`: the last kind is the job's.
_FOLDER = re.compile(r"(.+)-(trial|final)-([0-9]{3,})(?:-([^-]+))?")


@dataclass(frozen=True, kw_only=True)
class JobKey:
    """The identity of a job: a job that is started again has the same key.

    Attributes:
        winner: Finals only: the digest of the settings that they retrain.
    """

    kind: JobKind
    architecture: str
    number: int
    winner: str = ""

    @property
    def label(self) -> str:
        """A short name for people; also the name of the job's run."""
        return f"{self.architecture}-{self.kind}-{self.number:03d}"

    @property
    def folder(self) -> str:
        """The name of the folders of the job's checkpoints and outbox."""
        return f"{self.label}-{self.winner}" if self.winner else self.label

    @classmethod
    def from_folder(cls, name: str) -> Self | None:
        """Return the key whose `folder` has this name; None for a name that is no job's."""
        found = _FOLDER.fullmatch(name)
        if found is None:
            return None
        architecture, kind, number, winner = found.groups()
        return cls(
            kind=cast(JobKind, kind),
            architecture=architecture,
            number=int(number),
            winner=winner or "",
        )


@dataclass(frozen=True)
class EnsembleMember:
    """The final of an architecture, as its run is found in MLflow; or a judged network.

    A judged network's `winner` is the digest of its file and of its settings.
    """

    architecture: str
    winner: str


def members_digest(members: Sequence[EnsembleMember]) -> str:
    """Return a short hash of the members of an ensemble.

    It is stored with runs, so the text that is hashed must not change: it names the class by an
    earlier name.
    """
    texts = (
        f"Member(architecture={each.architecture!r}, winner={each.winner!r})" for each in members
    )
    return hashlib.sha256(f"[{', '.join(texts)}]".encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A key and everything else that a worker needs.

    Attributes:
        teachers: The networks that teach this one: by their finals of the same number, or judged.
        attempt: Counts from 1.
        network: Tuned options of the network; they replace those of the experiment.
        recorded: The best `val/iou` of a final that was complete once and whose results MLflow
            has lost; its network may be among the files in the storage. None for other jobs.
        spent: What its earlier attempts have used.
    """

    key: JobKey
    study: str
    seed: int
    attempt: int
    settings: TrainingSettings
    recorded: float | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    teachers: tuple[EnsembleMember, ...] = ()
    spent: Spent = field(default=Spent(), compare=False)


@dataclass(frozen=True)
class JobResult:
    """How a job ended. The fields are stored in outcome.json: do not rename them.

    Attributes:
        value: The best `val/iou`; None if it failed.
        reason: Why it failed.
        seconds: The worker's seconds since its job before, by phase (`pipelines.job.results`).
        goals: The values of the search's goals, of a trial; NaN if one is undefined.
    """

    value: float | None
    pruned: bool = False
    reason: str = ""
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    goals: dict[str, float] = field(default_factory=dict)


def derive_seed(base: int, *names: object) -> int:
    """Return a 31-bit seed derived from `base` and some names; the same on every machine."""
    text = "/".join(str(name) for name in (base, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


class Reporter(Protocol):
    """What a running job reports to: the coordinator, or a terminal."""

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Report the progress within an epoch. The report may be lost."""

    def note_costs(self, key: JobKey, costs: Mapping[str, float]) -> None:
        """Report the goals of a search that are known before the training begins."""

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Report the `val/iou` of an epoch; return whether to continue (False: pruned)."""
