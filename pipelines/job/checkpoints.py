"""Where a job's checkpoints are: its folder, and a copy at an fsspec address if one is given.

Training writes to the folder. With nodes that share no disk, the copy (s3://…, gs://…) is what
another node goes on from.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec

from faceseg.errors import UserError
from pipelines.config.secrets import redact

# As `faceseg.training.checkpointing` names them: importing it here would load a framework.
BEST, LATEST = "best.npz", "latest.npz"
OUTCOME = "outcome.json"


@dataclass(frozen=True)
class JobCheckpoints:
    """One job's. `address` is the copy's folder; None: there is no copy."""

    folder: Path
    address: str | None = None
    _copied: dict[str, int] = field(default_factory=dict, repr=False)  # file -> when it was written

    def read_outcome(self) -> dict[str, Any] | None:
        """Return how the job ended, if it did before anybody heard."""
        try:
            found: dict[str, Any] = json.loads((self.folder / OUTCOME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found

    def write_outcome(self, outcome: dict[str, Any]) -> None:
        """Keep how the job ended until it has been heard."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{OUTCOME}"
        unfinished.write_text(json.dumps(outcome), encoding="utf-8")
        unfinished.replace(self.folder / OUTCOME)
        self.upload(OUTCOME)

    def download(self) -> None:
        """Bring the copy into the folder: it is what the last attempt left, wherever it ran."""
        if self.address is None:
            return
        with self._file_system() as (system, root):
            for name in (BEST, LATEST, OUTCOME):
                if system.exists(f"{root}/{name}"):
                    self.folder.mkdir(parents=True, exist_ok=True)
                    unfinished = self.folder / f".{name}.fetched"
                    system.get_file(f"{root}/{name}", str(unfinished))
                    unfinished.replace(self.folder / name)
                    self._copied[name] = (self.folder / name).stat().st_mtime_ns

    def upload(self, *names: str) -> None:
        """Bring files of the folder to the copy, each whole or not at all; those it has stay."""
        if self.address is None:
            return
        with self._file_system() as (system, root):
            system.makedirs(root, exist_ok=True)
            for name in names:
                written = (self.folder / name).stat().st_mtime_ns
                if self._copied.get(name) == written:  # the best epoch is rarely the last
                    continue
                with (
                    (self.folder / name).open("rb") as here,
                    system.transaction,
                    system.open(f"{root}/{name}", "wb") as there,
                ):
                    shutil.copyfileobj(here, there)
                self._copied[name] = written

    def remove(self) -> None:
        """Remove both."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.address is not None:
            with self._file_system() as (system, root):
                if system.exists(root):
                    system.rm(root, recursive=True)

    @contextmanager
    def _file_system(self) -> Iterator[tuple[Any, str]]:
        """Give the file system and the folder in it; UserError if it cannot be reached."""
        try:
            system, root = fsspec.core.url_to_fs(str(self.address))
            yield system, root.rstrip("/")
        except (OSError, ValueError, ImportError) as error:
            raise UserError(
                f"the checkpoints' address {redact(self.address)} cannot be used: {error}. What "
                "was done is kept; mend that, and the same command goes on"
            ) from error
