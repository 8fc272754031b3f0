"""A fake of Kaggle's server for one data set.

kagglehub connects to http://localhost when KAGGLE_API_ENVIRONMENT is LOCALHOST; a proxy setting
redirects that to the free port of the fake server, so nothing in kagglehub is replaced.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipelines.data.lapa import HANDLE

API = "http://localhost/api/v1/datasets.DatasetApiService/"


class FakeKaggle(ThreadingHTTPServer):
    """Responds to GetDataset with a version, to DownloadDataset with a redirect to an archive."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.archive = b""
        self.status = 200  # of the responses to both calls
        self.cut_at: int | None = None  # the connection ends after this many bytes, once
        self.requests: list[tuple[str, str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeKaggle

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers.get("Authorization", ""), body))
        if self.server.status != 200:
            response = {"code": self.server.status, "message": "Permission denied or not found"}
            self._send(self.server.status, json.dumps(response).encode(), "application/json")
        elif self.path == API + "GetDataset":
            response = {"ref": HANDLE, "currentVersionNumber": 3}
            self._send(200, json.dumps(response).encode(), "application/json")
        else:
            self.send_response(302)
            self.send_header("Location", "http://localhost/storage/archive.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range", ""), None))
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

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the base class
        """Print nothing."""
