"""What a job may say while it runs, and to whom: the coordinator, or a terminal."""

from typing import Protocol

from pipelines.search.job import Key


class Line(Protocol):
    """The way back from a job in progress."""

    def progress(self, key: Key, epoch: int, percent: int, loss: float) -> None:
        """Tell how far the job is. May be lost."""

    def report(self, key: Key, epoch: int, value: float, images_per_second: float) -> bool:
        """Tell an epoch's `val/iou`; return whether to go on (False: pruned)."""
