"""Downloading LaPa with the real kagglehub from a fake Kaggle server."""

import base64
import errno
import io
import shutil
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceseg.data.lapa import LapaFolder
from faceseg.errors import UserError
from pipelines.data.lapa import HANDLE, download, find_splits
from tests.pipelines.data.fake_kaggle import FakeKaggle

OWNER, NAME = HANDLE.split("/")
MEBIBYTE = 2**20


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """kagglehub's cache in a temporary folder, without credentials."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    return tmp_path / "cache"


def redirect_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKaggle]:
    with FakeKaggle() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        redirect_to(server.server_address[1], monkeypatch)
        yield server
        server.shutdown()
        thread.join()


def zipped(folder: Path, inside: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(inside, file.relative_to(folder.parent)))
    return buffer.getvalue()


def test_the_data_set_is_downloaded_unpacked_and_read(
    kaggle: FakeKaggle, cache: Path, lapa_folder: Path
) -> None:
    kaggle.archive = zipped(lapa_folder)
    found = download()
    assert found == cache / "datasets" / OWNER / NAME / "versions" / "3" / "LaPa"
    assert [item.id for item in LapaFolder(found).items("val")] == ["val0", "val1"]
    calls = [path.rsplit("/", 1)[-1] for path, _, _ in kaggle.requests]
    assert calls == ["GetDataset", "DownloadDataset", "archive.zip"]
    request = {"ownerSlug": OWNER, "datasetSlug": NAME, "datasetVersionNumber": 3}
    assert kaggle.requests[1][2] == request


def test_a_cached_data_set_needs_no_request(kaggle: FakeKaggle, lapa_folder: Path) -> None:
    kaggle.archive = zipped(lapa_folder)
    found = download()
    kaggle.requests.clear()
    assert download() == found
    assert not kaggle.requests


def test_a_tar_with_deeper_folders_is_read_too(kaggle: FakeKaggle, lapa_folder: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(lapa_folder, "deep/er/LaPa")
    kaggle.archive = buffer.getvalue()
    assert download().parts[-3:] == ("deep", "er", "LaPa")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"KAGGLE_API_TOKEN": "secret"}, "Bearer secret"),
        (
            {"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "key"},
            "Basic " + base64.b64encode(b"me:key").decode(),
        ),
        ({}, ""),
    ],
)
def test_credentials_come_from_the_environment(
    kaggle: FakeKaggle,
    lapa_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    sent: str,
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    kaggle.archive = zipped(lapa_folder)
    download()
    assert [each[1] for each in kaggle.requests[:2]] == [sent, sent]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refused .*HTTP 401.*KAGGLE_API_TOKEN.*data\.source: directory"),
        (403, r"refused .*HTTP 403.*KAGGLE_API_TOKEN.*data\.source: directory"),
        (404, r"has no data set .*HTTP 404.*data\.source: directory"),
        (503, r"responded with HTTP 503"),
    ],
)
def test_the_message_on_a_refusal_contains_the_remedy(
    kaggle: FakeKaggle, status: int, message: str
) -> None:
    kaggle.status = status
    with pytest.raises(UserError, match=message):
        download()


def test_an_unreachable_server_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    redirect_to(port, monkeypatch)
    with pytest.raises(UserError, match="could not be reached"):
        download()


def test_an_interrupted_download_resumes(kaggle: FakeKaggle, lapa_folder: Path) -> None:
    (lapa_folder / "train/landmarks/large.txt").write_bytes(bytes(2 * MEBIBYTE))
    kaggle.archive = zipped(lapa_folder)
    kaggle.cut_at = MEBIBYTE * 3 // 2  # kagglehub writes whole mebibytes: one is stored
    with pytest.raises(UserError, match="was interrupted"):
        download()
    assert download().name == "LaPa"
    assert kaggle.requests[-1][1] == f"bytes={MEBIBYTE}-"


def test_a_file_that_is_not_an_archive_is_refused(kaggle: FakeKaggle) -> None:
    kaggle.archive = b"<html>please log in</html>"
    with pytest.raises(UserError, match=r"is damaged .Unsupported archive type"):
        download()


def test_the_message_on_other_content_lists_it(kaggle: FakeKaggle, tmp_path: Path) -> None:
    (tmp_path / "CelebA/images").mkdir(parents=True)
    kaggle.archive = zipped(tmp_path / "CelebA")
    with pytest.raises(UserError, match="contains CelebA; expected folders train, val, test"):
        download()


def test_a_full_disk_is_reported(
    kaggle: FakeKaggle, lapa_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kagglehub.http_resolver

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kaggle.archive = zipped(lapa_folder)
    monkeypatch.setattr(kagglehub.http_resolver, "_extract_archive", full)
    with pytest.raises(UserError, match=r"no space left for LaPa.*KAGGLEHUB_CACHE"):
        download()


def test_a_damaged_credentials_file_is_reported(kaggle: FakeKaggle, tmp_path: Path) -> None:
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "kaggle.json").write_text("{")
    with pytest.raises(UserError, match="Invalid Kaggle credentials file"):
        download()


def test_the_splits_are_found_in_inner_folders(lapa_folder: Path, tmp_path: Path) -> None:
    assert find_splits(lapa_folder) == lapa_folder
    assert find_splits(tmp_path) == lapa_folder
    shutil.rmtree(lapa_folder / "val")
    with pytest.raises(UserError, match="expected folders"):
        find_splits(tmp_path)


@pytest.mark.parametrize("member", ["../escaped", "LaPa/../../../escaped", "/escaped"])
def test_an_archive_writes_nothing_outside_the_cache(
    kaggle: FakeKaggle, cache: Path, lapa_folder: Path, member: str
) -> None:
    content = io.BytesIO(zipped(lapa_folder))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(member, "attack")
    kaggle.archive = content.getvalue()
    found = download()
    assert found.parent.name == "3"
    escaped = [path for path in cache.parent.rglob("escaped") if found.parent not in path.parents]
    assert escaped == []
    assert not Path("/escaped").exists()


def test_a_tar_with_a_path_outside_the_cache_is_refused(
    kaggle: FakeKaggle, cache: Path, lapa_folder: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(lapa_folder, "LaPa")
        archive.addfile(tarfile.TarInfo("../escaped"), io.BytesIO())
    kaggle.archive = buffer.getvalue()
    with pytest.raises(UserError, match="is damaged"):
        download()
    assert list(cache.parent.rglob("escaped")) == []
