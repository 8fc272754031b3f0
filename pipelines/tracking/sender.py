"""Deliver the records of outboxes to MLflow, in order, in a separate thread.

A sender runs in the driver and in every worker. The process that holds a run's lock sends its
records, so those of a dead worker are sent by another process. While MLflow does not respond,
records wait; that is no error.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from requests import RequestException

from faceseg.errors import UserError, without_secrets
from pipelines.tracking import outbox
from pipelines.tracking.delivery import StoredMetrics, deliver
from pipelines.tracking.outbox import OutboxRecord
from pipelines.tracking.refusals import REASON, REFUSED, is_permanent
from pipelines.tracking.tracker import PROBE_TIMEOUT, Tracker
from pipelines.tracking.values import failure_reason

PAUSE = 0.3  # seconds between two searches of the outboxes
LONGEST_PAUSE = 10.0  # seconds between two attempts while MLflow does not respond
# What MLflow, its database and the disk raise; UserError: the database is locked or damaged.
FAILURES = (MlflowException, RequestException, UserError, OSError, RuntimeError, ValueError)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """What is not delivered.

    Attributes:
        records: Waiting records.
        runs: Runs with waiting records.
        refused: Records that MLflow refused permanently.
        since: When MLflow stopped responding, in seconds since 1970; None: it responds.
        error: Why it does not respond.
    """

    records: int = 0
    runs: int = 0
    refused: int = 0
    since: float | None = None
    error: str = ""

    @property
    def clock(self) -> str:
        """The time of day of `since`."""
        return datetime.fromtimestamp(self.since).strftime("%H:%M:%S") if self.since else ""


class Sender:
    """Send the records of all outboxes in a folder while the context is open.

    Args:
        root: The folder that contains one outbox per run.
        tracker: The MLflow store.
        experiment_id: The id of the records' experiment, if it may differ from that in the
            records: MLflow's database may be another one than when they were written.
        study_run: The id of the study's run, which the runs belong to; '' for none.
    """

    def __init__(
        self, root: Path, tracker: Tracker, experiment_id: str | None = None, study_run: str = ""
    ) -> None:
        self.root = root
        self.tracker = tracker
        self.experiment_id = experiment_id
        self.study_run = study_run
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
        refused = sum(1 for _ in self.root.glob(f"*/*{REFUSED}"))
        return DeliveryStatus(
            records=sum(waiting),
            runs=sum(map(bool, waiting)),
            refused=refused,
            since=self._since,
            error=self._error,
        )

    def drain(self, seconds: float) -> bool:
        """Wait at most `seconds` until no record waits; return whether all are delivered."""
        until = time.monotonic() + seconds
        while self.status().records:
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE / 3)
        return True

    def remove_empty_outboxes(self) -> None:
        """Remove the outboxes whose records are all delivered. No process may write to them."""
        for folder in self._folders():
            if not outbox.record_paths(folder):
                outbox.remove_sent(folder)
            with suppress(OSError):  # the folders of refused records stay
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
            except FAILURES as error:
                # The thread must survive every response of MLflow: the error is shown and logged.
                self._error = failure_reason(error)
                if self._since is None:
                    logger.warning("MLflow does not respond, records wait: %s", self._error)
                self._since = self._since or time.time()
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if self._since is not None:
                    logger.info("MLflow responds again")
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
            record = self._present(outbox.read_record(path))
            label = {"run": record.run.name}
            if folder not in self._runs:
                if outbox.has_sent(folder) and not self._find(record):
                    outbox.unsend(folder)
                    logger.warning("MLflow has lost the run: sending it again", extra=label)
                    return  # the next pass begins with the first record
                self._runs[folder] = self.tracker.find_or_make_run(record.run)
                logger.info("MLflow run %s", self._runs[folder], extra=label)
            try:
                deliver(record, self.tracker, self._runs[folder], stored)
            except MlflowException as error:
                if not is_permanent(error):
                    raise
                if not self._find(record):  # deleted: the next pass creates it again
                    del self._runs[folder]
                    return
                logger.warning("MLflow refused record %s: %s", path.name, error, extra=label)
                reason = without_secrets(str(error))
                path.with_suffix(REASON).write_text(reason, encoding="utf-8")
                path.rename(path.with_suffix(REFUSED))
            else:
                record.mark_sent()

    def _find(self, record: OutboxRecord) -> bool:
        return bool(self.tracker.find_runs(record.run.experiment_id, **record.run.identity))

    def _present(self, record: OutboxRecord) -> OutboxRecord:
        """Return a record with the present ids of its experiment and of its study's run."""
        if self.experiment_id is None:
            return record
        parent = self.study_run if record.run.parent else ""
        run = replace(record.run, experiment_id=self.experiment_id, parent=parent)
        return replace(record, run=run)

    def _folders(self) -> list[Path]:
        return [path for path in sorted(self.root.glob("*")) if path.is_dir()]
