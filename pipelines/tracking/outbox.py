"""The outbox of a run: records for MLflow, stored on disk until their run is complete there.

A job writes records and never waits for MLflow. Records are files with increasing numbers. Each
is written atomically, and renamed when a sender (`pipelines.tracking.sender`) has delivered it.
They are removed when the run's end is delivered. So no record is lost if the server or the
job dies, and all of them can be sent again if MLflow loses the run before its end.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pipelines.tracking.tracker import RunIdentity, Status
from pipelines.tracking.values import finite

RECORD, SENT, FILES, UNFINISHED = ".json", ".sent", ".files", ".unfinished-"


@dataclass(frozen=True, kw_only=True)
class OutboxRecord:
    """One record of a run: `kind` is the name of an Outbox method, `content` its arguments."""

    run: RunIdentity
    kind: str
    content: dict[str, Any]
    path: Path

    @property
    def files(self) -> Path:
        """The folder of the record's files."""
        return self.path.with_suffix(FILES)

    def mark_sent(self) -> None:
        """Keep a record that is delivered; the end of its run removes all of its records.

        The machine's load, which has no steps, is not kept: a long job has thousands of records.
        """
        if self.kind == "metrics" and self.content["step"] is None:
            self.path.unlink()
            return
        self.path.rename(self.path.with_suffix(SENT))
        if self.kind == "end":
            remove_sent(self.path.parent)


@dataclass
class Outbox:
    """The outbox of one run. Several threads may write, but only one process at a time.

    The names of the methods are stored as the kinds of records: do not rename them.
    """

    folder: Path
    run: RunIdentity
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self, dataset: Mapping[str, Any], **tags: object) -> None:
        """Record that an attempt starts: the run's status, its data set and its tags."""
        self._write("open", {"dataset": dict(dataset), "tags": _texts(tags)})

    def metrics(
        self, values: Mapping[str, float], step: int | None = 0, at: float | None = None
    ) -> None:
        """Record the values of a step.

        Args:
            values: The metrics; NaN and infinite values are left out.
            step: The step; None: the next one after those that MLflow has stored.
            at: When they were measured, in seconds since 1970; None: now.
        """
        stamp = time.time() if at is None else at
        self._write("metrics", {"values": finite(values), "step": step, "at": stamp})

    def once(self, values: Mapping[str, float], at: float) -> None:
        """Record final values, measured `at` (seconds since 1970); stored ones are kept."""
        self._write("once", {"values": finite(values), "at": at})

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters, nested ones under dotted names."""
        self._write("params", {"values": dict(values)})

    def tags(self, **tags: object) -> None:
        """Record tags `faceseg.<name>`."""
        self._write("tags", {"tags": _texts(tags)})

    @contextmanager
    def files(self) -> Iterator[Path]:
        """Yield a folder; the files written there become the run's artifacts."""
        with self._payload() as folder:
            yield folder
            self._write("files", {}, folder)

    @contextmanager
    def version(
        self, model: str, architecture: str, tags: Mapping[str, str], card: str
    ) -> Iterator[Path]:
        """Yield a folder for an MLflow model, which becomes a version of a registered model.

        Args:
            model: The name of the registered model.
            architecture: The name of the logged model.
            tags: The tags of the version.
            card: The description of the version in Markdown.
        """
        content = {
            **{"model": model, "architecture": architecture},
            **{"tags": dict(tags), "description": card},
        }
        with self._payload() as folder:
            yield folder
            self._write("version", content, folder)

    def end(self, status: Status) -> None:
        """Record that the run has ended."""
        self._write("end", {"status": status, "at": time.time()})

    @contextmanager
    def _payload(self) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=UNFINISHED, dir=self.folder))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # it is missing if its record was written

    def _write(self, kind: str, content: dict[str, Any], files: Path | None = None) -> None:
        text = json.dumps({"run": asdict(self.run), "kind": kind, "content": content}, default=str)
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = self.folder / f"{UNFINISHED}{os.getpid()}-{threading.get_ident()}"
            try:
                with unfinished.open("w", encoding="utf-8") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
                path = self.folder / f"{_last(self.folder) + 1:08d}{RECORD}"
                if files is not None:
                    files.rename(path.with_suffix(FILES))
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)


def record_paths(folder: Path) -> list[Path]:
    """Return the paths of the records that wait in an outbox, in their order."""
    try:
        return sorted(folder.glob(f"[0-9]*{RECORD}"))
    except FileNotFoundError:
        return []


def has_sent(folder: Path) -> bool:
    """Return whether an outbox keeps delivered records; without any, its run may not exist yet."""
    return any(folder.glob(f"[0-9]*{SENT}"))


def unsend(folder: Path) -> None:
    """Let all delivered records of an outbox wait again."""
    sent = folder.glob(f"[0-9]*{SENT}")
    for path in sorted(sent, reverse=True):  # the first record last: it creates the run
        path.rename(path.with_suffix(RECORD))


def remove_sent(folder: Path) -> None:
    """Remove the delivered records of an outbox and their files."""
    for path in folder.glob(f"[0-9]*{SENT}"):
        shutil.rmtree(path.with_suffix(FILES), ignore_errors=True)
        path.unlink(missing_ok=True)  # two processes may remove the records of an ended run


def read_record(path: Path) -> OutboxRecord:
    """Read a record."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    run = RunIdentity(**stored["run"])
    return OutboxRecord(run=run, kind=stored["kind"], content=stored["content"], path=path)


def _last(folder: Path) -> int:
    """Return the highest number in use, by a record or by files whose record was not written."""
    return max((int(path.stem) for path in folder.glob("[0-9]*")), default=0)


def _texts(tags: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}
