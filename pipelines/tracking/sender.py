"""Brings what outboxes hold to MLflow, in order, in a thread of its own.

Senders run in the driver and in every worker; whoever holds a run's lock sends for it, so a
dead worker's records are sent by another. MLflow down is no error here: records wait.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from requests import RequestException

from pipelines.tracking import outbox
from pipelines.tracking.delivery import StoredMetrics, deliver
from pipelines.tracking.tracker import PROBE_TIMEOUT, Tracker, failure_reason

PAUSE = 0.3  # seconds between two looks into the outboxes
LONGEST_PAUSE = 10.0  # seconds between two tries while MLflow does not answer
REFUSED = "refused"  # ending of records that MLflow will never take
# What MLflow says of a record that it would refuse again tomorrow.
PERMANENT_ERRORS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


@dataclass(frozen=True)
class DeliveryStatus:
    """What has not arrived. `since`: when MLflow stopped answering (seconds since 1970)."""

    records: int = 0
    runs: int = 0
    refused: int = 0
    since: float | None = None
    error: str = ""

    @property
    def clock(self) -> str:
        """`since` as people read it."""
        return datetime.fromtimestamp(self.since).strftime("%H:%M:%S") if self.since else ""


class Sender:
    """Sends what lies in the outboxes under `root`. Use as a context."""

    def __init__(self, root: Path, tracker: Tracker) -> None:
        self.root = root
        self.tracker = tracker
        self._stop = threading.Event()
        self._since: float | None = None
        self._error = ""
        self._runs: dict[Path, str] = {}
        self._thread = threading.Thread(target=self._loop, name="sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=PROBE_TIMEOUT)

    def status(self) -> DeliveryStatus:
        """Return what waits now, counted on disk."""
        waiting = [len(outbox.record_paths(folder)) for folder in self._folders()]
        refused = sum(1 for _ in self.root.glob(f"*/*.{REFUSED}"))
        return DeliveryStatus(
            sum(waiting), sum(map(bool, waiting)), refused, self._since, self._error
        )

    def drain(self, seconds: float) -> bool:
        """Wait until nothing waits, at most so long; return whether all has arrived."""
        until = time.monotonic() + seconds
        while self.status().records:
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE / 3)
        return True

    def remove_empty_outboxes(self) -> None:
        """Remove the folders of runs whose records have all arrived, once nobody writes more."""
        for folder in self._folders():
            with suppress(OSError):  # what was refused stays, and its folder
                folder.rmdir()
        for lock in self.root.glob("*.lock"):
            lock.unlink(missing_ok=True)
        with suppress(OSError):
            self.root.rmdir()

    def _loop(self) -> None:
        pause = PAUSE
        while not self._stop.wait(pause):
            try:
                self._send_all()
            except (MlflowException, RequestException, OSError, RuntimeError, ValueError) as error:
                # The thread must outlive whatever MLflow answers: the error is shown, and kept.
                self._since = self._since or time.time()
                self._error = failure_reason(error)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._since, self._error, pause = None, "", PAUSE

    def _send_all(self) -> None:
        folders = [folder for folder in self._folders() if outbox.record_paths(folder)]
        if folders:
            self.tracker.probe()
        for folder in folders:
            lock = FileLock(folder.with_suffix(".lock"))
            try:
                with lock.acquire(blocking=False):
                    self._send(folder)
            except Timeout:  # another process sends for this run
                continue

    def _send(self, folder: Path) -> None:
        stored = StoredMetrics(self.tracker)
        for path in outbox.record_paths(folder):
            if self._stop.is_set():
                return
            record = outbox.read_record(path)
            if folder not in self._runs:
                self._runs[folder] = self.tracker.find_or_make_run(record.run)
            try:
                deliver(record, self.tracker, self._runs[folder], stored)
            except MlflowException as error:
                if error.error_code not in PERMANENT_ERRORS:
                    raise
                path.rename(path.with_suffix(f".{REFUSED}"))
                path.with_suffix(".reason").write_text(str(error), encoding="utf-8")
            else:
                record.remove()

    def _folders(self) -> list[Path]:
        return [path for path in sorted(self.root.glob("*")) if path.is_dir()]
