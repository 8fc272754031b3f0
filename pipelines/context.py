"""What every process of a study needs to know besides the experiment: a few addresses."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from faceseg.data.manifest import Manifest
from faceseg.data.split import Split, open_split
from pipelines.config import Experiment
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class Context:
    """A prepared experiment: its packs, its MLflow experiment and its study's run
    ('' for a single training)."""

    experiment: Experiment
    packs: Path
    manifest: Manifest
    tracker: Tracker
    experiment_id: str
    study_run: str
    commit: str

    @cached_property
    def train(self) -> Split:
        """The training images, shared by all processes of a node."""
        return open_split(self.packs, "train")

    @cached_property
    def validation(self) -> Split:
        """The validation images: they choose epochs and settings."""
        return open_split(self.packs, "val")

    @cached_property
    def test(self) -> Split:
        """The test images: only finals look at them, once."""
        return open_split(self.packs, "test")

    @property
    def dataset(self) -> dict[str, Any]:
        """What MLflow shows of the data set: its name and digest, counts, class shares, what was
        left out.
        """
        splits = self.manifest.splits
        return {
            "name": self.experiment.data.source,
            "digest": self.manifest.fingerprint,
            "counts": {name: facts.count for name, facts in splits.items()},
            "image_size": list(self.manifest.image_size),
            "left_out": len(self.manifest.problems),
            "class_shares": splits["train"].class_shares,
        }

    @property
    def name(self) -> str:
        """The study's name, or that of the experiment's single trainings."""
        return self.experiment.study if self.study_run else self.experiment.single

    @property
    def checkpoints(self) -> Path:
        """The folder of unfinished jobs' checkpoints: one a study, and in it one a job."""
        return self.experiment.storage / "checkpoints"

    @property
    def outboxes(self) -> Path:
        """The folder of what MLflow has not got yet: one folder a run."""
        return self.experiment.storage / "outbox" / self.name
