"""What a run has to say to MLflow, kept on disk until it has arrived.

A job writes here and never waits for MLflow. Records are files with rising numbers: a record
is there whole or not at all, and stays until a sender (`pipelines.tracking.sender`) has
delivered it. So neither a dead server nor the job's own death loses anything.
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

from pipelines.tracking.tracker import RunIdentity, Status, finite

RECORD, FILES, UNFINISHED = ".json", ".files", ".unfinished-"


@dataclass(frozen=True)
class OutboxRecord:
    """One thing said of a run. `kind` is the name of the Outbox verb, `content` its arguments."""

    run: RunIdentity
    kind: str
    content: dict[str, Any]
    path: Path

    @property
    def files(self) -> Path:
        """The folder of files that goes with it."""
        return self.path.with_suffix(FILES)

    def remove(self) -> None:
        """Forget a record that has arrived."""
        self.path.unlink()
        shutil.rmtree(self.files, ignore_errors=True)


@dataclass
class Outbox:
    """The outbox of one run. Any number of threads may write; one process at a time should."""

    folder: Path
    run: RunIdentity
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self, dataset: Mapping[str, Any], **tags: object) -> None:
        """Say that an attempt begins: the run is running, on this data, with these tags."""
        self._write("open", {"dataset": dict(dataset), "tags": _texts(tags)})

    def metrics(
        self, values: Mapping[str, float], step: int | None = 0, at: float | None = None
    ) -> None:
        """Say the values of a step, measured `at` (seconds since 1970; None: now).

        A value that is no number is left out. step: None is the next after those that MLflow has.
        """
        stamp = time.time() if at is None else at
        self._write("metrics", {"values": finite(values), "step": step, "at": stamp})

    def once(self, values: Mapping[str, float], at: float) -> None:
        """Say final values; what the run has already stays as it is."""
        self._write("once", {"values": finite(values), "at": at})

    def params(self, values: Mapping[str, Any]) -> None:
        """Say parameters, nested ones under dotted names."""
        self._write("params", {"values": dict(values)})

    def tags(self, **tags: object) -> None:
        """Say tags `faceseg.<name>`."""
        self._write("tags", {"tags": _texts(tags)})

    @contextmanager
    def files(self) -> Iterator[Path]:
        """Give a folder; what was written into it becomes the run's artifacts."""
        with self._payload() as folder:
            yield folder
            self._write("files", {}, folder)

    @contextmanager
    def version(
        self, model: str, architecture: str, tags: Mapping[str, str], card: str
    ) -> Iterator[Path]:
        """Give a folder for an MLflow model, which becomes a version of registered `model`.

        card: its description on MLflow's pages, Markdown.
        """
        content = {
            **{"model": model, "architecture": architecture},
            **{"tags": dict(tags), "description": card},
        }
        with self._payload() as folder:
            yield folder
            self._write("version", content, folder)

    def end(self, status: Status) -> None:
        """Say that the run has ended."""
        self._write("end", {"status": status, "at": time.time()})

    @contextmanager
    def _payload(self) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=UNFINISHED, dir=self.folder))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # not there any more once it was said

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
    """Return the files of the records that wait in an outbox, in their order."""
    try:
        return sorted(folder.glob(f"[0-9]*{RECORD}"))
    except FileNotFoundError:
        return []


def read_record(path: Path) -> OutboxRecord:
    """Read a record back."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return OutboxRecord(RunIdentity(**stored["run"]), stored["kind"], stored["content"], path)


def _last(folder: Path) -> int:
    """Return the highest number in use, by a record or by files whose record was cut off."""
    return max((int(path.stem) for path in folder.glob("[0-9]*")), default=0)


def _texts(tags: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}
