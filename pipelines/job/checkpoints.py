"""The checkpoints of a job: a local folder, and a copy at an fsspec address if one is configured.

Training writes to the folder. Where nodes share no disk, another node resumes from the copy
(s3://…, gs://…).
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

# The names that `faceseg.training.checkpointing` uses; importing it here would load a framework.
BEST, LATEST = "best.npz", "latest.npz"
OUTCOME = "outcome.json"


@dataclass(frozen=True)
class JobCheckpoints:
    """The checkpoints of one job.

    Attributes:
        folder: The local folder.
        address: The folder of the copy; None: there is no copy.
    """

    folder: Path
    address: str | None = None
    _copied: dict[str, int] = field(default_factory=dict, repr=False)  # file -> its mtime in ns

    def read_outcome(self) -> dict[str, Any] | None:
        """Return how the job ended, if it ended before its end was recorded elsewhere."""
        try:
            text = (self.folder / OUTCOME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        outcome: dict[str, Any] = json.loads(text)
        return outcome

    def write_outcome(self, outcome: dict[str, Any]) -> None:
        """Store how the job ended, until its end is recorded elsewhere."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{OUTCOME}"
        unfinished.write_text(json.dumps(outcome), encoding="utf-8")
        unfinished.replace(self.folder / OUTCOME)
        self.upload(OUTCOME)

    def download(self) -> None:
        """Download the copy into the folder: the last attempt's state, perhaps from another node.

        Raises:
            UserError: The address cannot be used.
        """
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
        """Copy files of the folder to the address, each atomically; skip unchanged ones.

        After an epoch, copy LATEST before BEST, the order in which training writes them: if the
        process ends in between, a resumed training makes BEST from LATEST.

        Args:
            *names: The files, in the order in which they are copied.

        Raises:
            UserError: The address cannot be used.
        """
        if self.address is None:
            return
        with self._file_system() as (system, root):
            system.makedirs(root, exist_ok=True)
            for name in names:
                written = (self.folder / name).stat().st_mtime_ns
                if self._copied.get(name) == written:  # the best epoch is rarely the last
                    continue
                with (
                    (self.folder / name).open("rb") as source,
                    system.transaction,
                    system.open(f"{root}/{name}", "wb") as target,
                ):
                    shutil.copyfileobj(source, target)
                self._copied[name] = written

    def remove(self) -> None:
        """Remove the folder and its copy.

        Raises:
            UserError: The address cannot be used.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.address is not None:
            with self._file_system() as (system, root):
                if system.exists(root):
                    system.rm(root, recursive=True)

    @contextmanager
    def _file_system(self) -> Iterator[tuple[Any, str]]:
        """Yield the file system of the address and the folder in it."""
        try:
            system, root = fsspec.core.url_to_fs(str(self.address))
            yield system, root.rstrip("/")
        except (OSError, ValueError, ImportError) as error:
            raise UserError(
                f"the checkpoints' address {self.address} cannot be used: {error}. "
                "Finished work is kept: fix the address or its server, then re-run the same "
                "command to resume"
            ) from error
