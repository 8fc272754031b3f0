"""A storage that was moved or copied: its results are found, and nothing else is written to."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import mlflow
import pytest
from filelock import FileLock

from faceseg.errors import UserError
from pipelines.tracking import Tracker
from pipelines.tracking.relocation import ADDRESSES
from tests.end_to_end.earlier_studies import unpack

pytestmark = pytest.mark.usefixtures("same_default_store")

STUDY_RUN = "082362f82dab4377b41c3c1d495ead56"
CHAMPION = "models:/faceseg@champion"


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """The storage of a finished study, with the addresses of its own folder."""
    storage = unpack("finished", tmp_path)
    open_store(storage)
    return storage


def open_store(storage: Path) -> Tracker:
    tracker = Tracker(f"sqlite:///{storage / 'mlflow.db'}")
    tracker.open()
    return tracker


def roots(storage: Path) -> set[str]:
    """Return the folders to which all addresses in the database lead."""
    with closing(sqlite3.connect(storage / "mlflow.db")) as database:
        stored = [
            unquote(address).removeprefix("file://")
            for table, column in ADDRESSES
            for (address,) in database.execute(f"select {column} from {table}")  # noqa: S608
            if not address.startswith("models:/") and "mlruns" not in address
        ]
    assert len(stored) == 18
    return {address.partition("/artifacts")[0] for address in stored}


def checksums(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", ["moved", "moved 100% #1 (ä)"])
def test_the_addresses_of_a_moved_storage_are_corrected(tmp_path: Path, name: str):
    storage = unpack("finished", tmp_path).rename(tmp_path / name)
    tracker = open_store(storage)
    assert roots(storage) == {str(storage)}
    file = tracker.fetch(STUDY_RUN, "experiment.yaml", tmp_path)
    assert file.read_text(encoding="utf-8").startswith("name: earlier")


def test_files_of_a_copy_are_written_to_the_copy(original: Path, tmp_path: Path):
    before = checksums(original)
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    with open_store(copy).files(STUDY_RUN) as folder:
        (folder / "comparison.html").write_text("compared", encoding="utf-8")
    report = copy / "artifacts" / STUDY_RUN / "artifacts" / "comparison.html"
    assert report.read_text(encoding="utf-8") == "compared"
    assert checksums(original) == before
    assert roots(copy) == {str(copy)}


def test_a_copy_of_the_database_alone_does_not_lead_to_the_original(original: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(original / "mlflow.db", copy)
    tracker = open_store(copy)
    assert roots(copy) == {str(copy)}
    with pytest.raises(UserError, match=r"is not in file://.*/copy/artifacts/.* move .* together"):
        tracker.fetch(STUDY_RUN, "experiment.yaml", tmp_path)


@pytest.mark.parametrize("address", [CHAMPION, "models:/faceseg/2"])
def test_the_files_of_a_registered_model_are_those_of_the_storage(
    original: Path, tmp_path: Path, address: str
):
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    (network,) = copy.glob("artifacts/models/*/artifacts/artifacts/best.keras")
    network.write_text("the copy's network", encoding="utf-8")

    open_store(copy)
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=address))

    assert (folder / "artifacts" / "best.keras").read_text(encoding="utf-8") == "the copy's network"


def test_storages_that_share_a_database_keep_their_files(original: Path, tmp_path: Path):
    shared = tmp_path / "shared"
    (shared / "artifacts").mkdir(parents=True)
    (original / "mlflow.db").rename(shared / "mlflow.db")
    tracker = open_store(shared)
    assert roots(shared) == {str(original)}
    tracker.experiment("earlier", original / "artifacts")
    assert roots(shared) == {str(original)}
    # The storage moves, its database does not.
    moved = original.rename(tmp_path / "moved")
    tracker.experiment("earlier", moved / "artifacts")
    assert roots(shared) == {str(moved)}


def test_new_files_are_stored_in_the_storage_that_is_given(tmp_path: Path, original: Path):
    shutil.rmtree(original / "artifacts")  # nothing shows where the files were
    moved = original.rename(tmp_path / "moved")
    open_store(moved).experiment("earlier", moved / "artifacts")
    assert roots(moved) == {str(moved)}


def test_a_running_study_keeps_its_addresses(tmp_path: Path):
    storage = unpack("finished", tmp_path)
    lock = storage / "locks" / "study-earlier-821c85a1.lock"
    lock.parent.mkdir()
    with FileLock(lock):
        lock.write_text("process 7 on a-container", encoding="utf-8")
        with pytest.raises(UserError, match=r"process 7 on a-container, which finds its files in"):
            open_store(storage)
    assert roots(storage) == {"/STORAGE-OF-THE-FIXTURE"}
    open_store(storage)
    assert roots(storage) == {str(storage)}


def test_a_storage_that_cannot_be_written_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    storage = unpack("finished", tmp_path)
    connect = sqlite3.connect

    def connect_read_only(database: object, **options: object) -> sqlite3.Connection:
        name = str(database)
        address = name if name.startswith("file:") else f"{Path(name).as_uri()}?mode=ro"
        return connect(address, **{**options, "uri": True})

    monkeypatch.setattr("pipelines.tracking.relocation.sqlite3.connect", connect_read_only)
    with pytest.raises(UserError, match=r"readonly database.* let this user write to .*results"):
        open_store(storage)
