"""Count the epochs that were trained more than once, by watching the checkpoints.

An epoch that is trained again after a loss is stored once, so the databases do not contain it. The
history in a checkpoint grows by one item per epoch, so it shows repeated epochs. An epoch that is
lost while its checkpoint is written is not counted: no file has contained it.
"""

import json
import threading
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

POLL_INTERVAL = 0.1  # seconds between two polls; an epoch takes longer


class CheckpointWatcher:
    """Watch every `latest.npz` below a folder while the context is open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # By job: the epochs of its checkpoints, in the order in which they were written.
        self.epochs_by_job: dict[str, list[int]] = {}
        self._stamps: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="checkpoint-watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def repeated_epochs(self) -> int:
        """Return how many whole epochs were trained again."""
        return sum(
            max(0, before + 1 - after)
            for epochs in self.epochs_by_job.values()
            for before, after in pairwise(epochs)
        )

    def _watch(self) -> None:
        while not self._stop.wait(POLL_INTERVAL):
            for path in self.root.glob("*/*/latest.npz"):
                self._read(path)

    def _read(self, path: Path) -> None:
        job = f"{path.parent.parent.name}/{path.parent.name}"
        try:
            stamp = path.stat().st_mtime_ns
            if self._stamps.get(job) == stamp:
                return
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                epochs = len(json.loads(stored["state"].tobytes())["history"])
        except FileNotFoundError:  # the job has ended just now
            return
        self._stamps[job] = stamp
        self.epochs_by_job.setdefault(job, []).append(epochs)
