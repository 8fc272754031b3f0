"""LaPa's download by kagglehub itself, against a stand-in that answers as Kaggle does.

kagglehub speaks to http://localhost when KAGGLE_API_ENVIRONMENT is LOCALHOST; a proxy setting
brings that to the stand-in's free port, so nothing of kagglehub is replaced.
"""

import base64
import errno
import io
import json
import shutil
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faceseg.data.lapa import LapaFolder
from faceseg.errors import UserError
from pipelines.data.lapa import HANDLE, download, find_splits

OWNER, NAME = HANDLE.split("/")
MEBIBYTE = 2**20
API = "http://localhost/api/v1/datasets.DatasetApiService/"


class StandIn(ThreadingHTTPServer):
    """Answers GetDataset with a version and DownloadDataset with a redirect to an archive."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.archive = b""
        self.status = 200  # of both calls
        self.cut_at: int | None = None  # the connection breaks off after these bytes, once
        self.seen: list[tuple[str, str, Any]] = []


class _Answers(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization", ""), body))
        if self.server.status != 200:
            answer = {"code": self.server.status, "message": "Permission denied or not found"}
            self._send(self.server.status, json.dumps(answer).encode(), "application/json")
        elif self.path == API + "GetDataset":
            answer = {"ref": HANDLE, "currentVersionNumber": 3}
            self._send(200, json.dumps(answer).encode(), "application/json")
        else:
            self.send_response(302)
            self.send_header("Location", "http://localhost/storage/archive.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Range", ""), None))
        content = self.server.archive
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end, self.server.cut_at = self.server.cut_at, None
        self.wfile.write(content[start:end])

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """kagglehub's cache in a temporary folder, and no credentials but those a test gives."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    return tmp_path / "cache"


def send_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        send_to(server.server_address[1], monkeypatch)
        yield server
        server.shutdown()
        thread.join()


def zipped(folder: Path, inside: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(inside, file.relative_to(folder.parent)))
    return buffer.getvalue()


def test_the_data_set_is_fetched_unpacked_and_read(
    kaggle: StandIn, cache: Path, lapa_folder: Path
) -> None:
    kaggle.archive = zipped(lapa_folder)
    found = download()
    assert found == cache / "datasets" / OWNER / NAME / "versions" / "3" / "LaPa"
    assert [item.id for item in LapaFolder(found).items("val")] == ["val0", "val1"]
    calls = [path.rsplit("/", 1)[-1] for path, _, _ in kaggle.seen]
    assert calls == ["GetDataset", "DownloadDataset", "archive.zip"]
    asked = {"ownerSlug": OWNER, "datasetSlug": NAME, "datasetVersionNumber": 3}
    assert kaggle.seen[1][2] == asked


def test_the_second_time_nothing_is_asked(kaggle: StandIn, lapa_folder: Path) -> None:
    kaggle.archive = zipped(lapa_folder)
    found = download()
    kaggle.seen.clear()
    assert download() == found
    assert not kaggle.seen


def test_a_tar_and_a_deeper_folder_do_as_well(kaggle: StandIn, lapa_folder: Path) -> None:
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
    kaggle: StandIn,
    lapa_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    sent: str,
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    kaggle.archive = zipped(lapa_folder)
    download()
    assert [seen[1] for seen in kaggle.seen[:2]] == [sent, sent]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, r"refuses .*HTTP 401.*KAGGLE_API_TOKEN.*data\.source: directory"),
        (403, r"refuses .*HTTP 403.*KAGGLE_API_TOKEN.*data\.source: directory"),
        (404, r"has no data set .*HTTP 404.*data\.source: directory"),
        (503, r"answers with HTTP 503"),
    ],
)
def test_a_refusal_says_what_to_do(kaggle: StandIn, status: int, told: str) -> None:
    kaggle.status = status
    with pytest.raises(UserError, match=told):
        download()


def test_a_dead_server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    send_to(port, monkeypatch)
    with pytest.raises(UserError, match="could not be reached"):
        download()


def test_a_download_that_breaks_off_goes_on(kaggle: StandIn, lapa_folder: Path) -> None:
    (lapa_folder / "train/landmarks/large.txt").write_bytes(bytes(2 * MEBIBYTE))
    kaggle.archive = zipped(lapa_folder)
    kaggle.cut_at = MEBIBYTE * 3 // 2  # kagglehub writes by the mebibyte: one is kept
    with pytest.raises(UserError, match="broke off"):
        download()
    assert download().name == "LaPa"
    assert kaggle.seen[-1][1] == f"bytes={MEBIBYTE}-"


def test_an_archive_that_is_none(kaggle: StandIn) -> None:
    kaggle.archive = b"<html>please log in</html>"
    with pytest.raises(UserError, match=r"is damaged .Unsupported archive type"):
        download()


def test_other_content_says_what_is_there(kaggle: StandIn, tmp_path: Path) -> None:
    (tmp_path / "CelebA/images").mkdir(parents=True)
    kaggle.archive = zipped(tmp_path / "CelebA")
    with pytest.raises(UserError, match="holds CelebA; expected folders train, val, test"):
        download()


def test_a_full_disk(kaggle: StandIn, lapa_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kagglehub.http_resolver

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kaggle.archive = zipped(lapa_folder)
    monkeypatch.setattr(kagglehub.http_resolver, "_extract_archive", full)
    with pytest.raises(UserError, match=r"no space left for LaPa.*KAGGLEHUB_CACHE"):
        download()


def test_broken_credentials(kaggle: StandIn, tmp_path: Path) -> None:
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "kaggle.json").write_text("{")
    with pytest.raises(UserError, match="Invalid Kaggle credentials file"):
        download()


def test_the_splits_are_found_where_they_lie(lapa_folder: Path, tmp_path: Path) -> None:
    assert find_splits(lapa_folder) == lapa_folder
    assert find_splits(tmp_path) == lapa_folder
    shutil.rmtree(lapa_folder / "val")
    with pytest.raises(UserError, match="expected folders"):
        find_splits(tmp_path)


@pytest.mark.parametrize("member", ["../escaped", "LaPa/../../../escaped", "/escaped"])
def test_an_archive_writes_nothing_outside_of_the_cache(
    kaggle: StandIn, cache: Path, lapa_folder: Path, member: str
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


def test_a_tar_that_points_outside_is_refused(
    kaggle: StandIn, cache: Path, lapa_folder: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(lapa_folder, "LaPa")
        archive.addfile(tarfile.TarInfo("../escaped"), io.BytesIO())
    kaggle.archive = buffer.getvalue()
    with pytest.raises(UserError, match="is damaged"):
        download()
    assert list(cache.parent.rglob("escaped")) == []
