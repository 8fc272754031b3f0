"""Let the addresses of files in an MLflow database follow a storage that was moved or copied.

MLflow stores the absolute address of the files of every run and of every model. After a move they
lead nowhere; in a copy they lead to the original, which would then be written to. So the
addresses in a sqlite file are compared with the path of the storage whenever the file is opened,
and corrected in it. MLflow's own programs then find the files too.
"""

import os
import socket
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from filelock import FileLock, Timeout

from faceseg.errors import UserError
from pipelines.config.databases import LOCK_TIMEOUT

# Tables whose rows have files: the id, the address, and the folder below the address's root.
OWNERS = (
    ("runs", "run_uuid", "artifact_uri", "{}"),
    ("logged_models", "model_id", "artifact_location", "models/{}"),
)
# All columns with addresses; MLflow reads each of them.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


@dataclass
class _Root:
    """A folder that addresses lead to: the folders of their runs and models, and the runs."""

    folders: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


def follow_storage(database: Path, artifacts: Path) -> None:
    """Correct the addresses whose files are in `artifacts`, if they have another root.

    Several storages may share a database. So the addresses below a root are changed only if
    `artifacts` contains the files of one of them, or if `database` is a copy: the database
    beside the root contains one of the same runs.

    Args:
        database: A sqlite file of MLflow; nothing happens if it does not exist.
        artifacts: The folder of a storage's files.

    Raises:
        UserError: The addresses are wrong, and the database cannot be written, or a study that
            uses them is running.
    """
    with _reading(database) as connection:
        if connection is None:
            return
        moved = [
            old
            for old, root in _other_roots(connection, artifacts).items()
            if any((artifacts / folder).is_dir() for folder in root.folders)
            or _contains_run(_local_path(old).parent / database.name, database, root.runs)
        ]
    if moved:
        _replace(database, artifacts, moved)


def write_to_storage(database: Path, artifacts: Path, experiment_id: str) -> None:
    """Store an experiment's new files in `artifacts`, even if its earlier ones are elsewhere.

    Args:
        database: A sqlite file of MLflow.
        artifacts: The folder of a storage's files.
        experiment_id: The experiment. If its root does not exist and `database` belongs to the
            storage, all addresses below it are changed.

    Raises:
        UserError: As in `follow_storage`.
    """
    with _reading(database) as connection:
        if connection is None:
            return
        query = "select artifact_location from experiments where experiment_id = ?"
        (old,) = connection.execute(query, (int(experiment_id),)).fetchone()
        if not is_elsewhere(old, artifacts):
            return
    shared = _local_path(old).exists() or database.resolve().parent != artifacts.resolve().parent
    _replace(database, artifacts, [old], only_experiment=int(experiment_id) if shared else None)


def is_elsewhere(address: str, artifacts: Path) -> bool:
    """Return whether an address is another folder of this machine than `artifacts`."""
    if urlparse(address).scheme not in ("", "file"):
        return False
    path = _local_path(address)
    if path.exists() and artifacts.exists():
        return not path.samefile(artifacts)
    return path != artifacts.resolve()


def _local_path(address: str) -> Path:
    return Path(unquote(urlparse(address).path) if address.startswith("file:") else address)


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection that cannot write; None if this is no database of MLflow."""
    if not database.is_file():
        yield None
        return
    address = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=LOCK_TIMEOUT)) as connection:
        try:
            connection.execute("select artifact_location from experiments limit 1")
            connection.execute("select artifact_location from logged_models limit 1")
        except sqlite3.Error:  # empty, damaged or of an older version: MLflow reports it
            yield None
        else:
            yield connection


def _other_roots(connection: sqlite3.Connection, artifacts: Path) -> dict[str, _Root]:
    """Return the roots of addresses that are other folders of this machine than `artifacts`."""
    own = f"{artifacts.resolve().as_uri()}/"
    roots: dict[str, _Root] = defaultdict(_Root)
    for table, key, column, folder in OWNERS:
        rows = connection.execute(
            f"select {key}, {column} from {table} where substr({column}, 1, ?) != ?",  # noqa: S608
            (len(own), own),
        )
        for identifier, address in rows:
            place = folder.format(identifier)
            root = address.removesuffix(f"/{place}/artifacts")
            if root != address:
                roots[root].folders.append(place)
                roots[root].runs += [identifier] if table == "runs" else []
    return {root: roots[root] for root in roots if is_elsewhere(root, artifacts)}


def _contains_run(other: Path, database: Path, runs: Collection[str]) -> bool:
    """Return whether another database contains one of the runs: one of both is a copy."""
    if not other.is_file() or other.samefile(database):
        return False
    with _reading(other) as connection:
        return connection is not None and any(
            connection.execute("select 1 from runs where run_uuid = ?", (run,)).fetchone()
            for run in runs
        )


def _replace(
    database: Path, artifacts: Path, roots: Collection[str], only_experiment: int | None = None
) -> None:
    """Replace roots of addresses by `artifacts`, in one transaction."""
    storage, new = artifacts.parent, artifacts.resolve().as_uri()
    _require_no_study(storage, database, roots)
    columns = ADDRESSES if only_experiment is None else ADDRESSES[:1]
    condition = "" if only_experiment is None else f" and experiment_id = {only_experiment}"
    try:
        with closing(sqlite3.connect(database, timeout=LOCK_TIMEOUT)) as connection, connection:
            for old in roots:
                for table, column in columns:
                    connection.execute(
                        f"update {table} set {column} = ? || substr({column}, ?)"  # noqa: S608
                        f" where ({column} = ? or substr({column}, 1, ?) = ?){condition}",
                        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                    )
    except sqlite3.Error as error:
        raise UserError(
            f"{database} contains addresses of files in {_places(roots)}; the files are in "
            f"{artifacts} now. The addresses cannot be corrected ({error}): let this user write "
            f"to {storage}, or copy the folder and use the copy"
        ) from error


def _require_no_study(storage: Path, database: Path, roots: Collection[str]) -> None:
    """Raise UserError if a study of another process is running in the storage.

    It reaches the same files by another path, for instance in a container.
    """
    own = f"process {os.getpid()} on {socket.gethostname()}"
    for path in (storage / "locks").glob("study-*.lock"):
        try:
            with FileLock(path, timeout=0):
                continue
        except (Timeout, OSError):
            try:
                holder = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue  # released in the meantime
        if holder != own:
            raise UserError(
                f"a study is being run in {storage} by {holder}, which finds its files in "
                f"{_places(roots)}; {database} can contain only one address of them. Repeat this "
                "command when the study has ended, or where it runs"
            )


def _places(roots: Collection[str]) -> str:
    return ", ".join(str(_local_path(root)) for root in sorted(roots))
