"""Listing and following jobs with a fake of Ray's client; tests/infra uses a real cluster."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from ray.job_submission import JobStatus

from faceseg.errors import UserError
from pipelines.cluster import ray_jobs
from pipelines.cluster.ray_jobs import JobLog, RayJob, format_duration, study_jobs


def job(name: str, entrypoint: str, start: int | None, **more: Any) -> SimpleNamespace:
    fields = {"status": JobStatus.RUNNING, "end_time": None, "metadata": None, **more}
    return SimpleNamespace(submission_id=name, entrypoint=entrypoint, start_time=start, **fields)


def row(name: str, status: str, study: str, started: float | None, ended: float | None) -> RayJob:
    return RayJob(name=name, status=status, study=study, started=started, ended=ended)


def test_the_jobs_of_studies_are_listed_newest_first():
    known = [
        job("one", "faceseg study a.yaml", 1000, metadata={"faceseg.study": "a-12345678"}),
        job("other", "python train.py", 2000),
        job("plain", "cd x && faceseg study experiments/b.yaml --set seed=1", 3000),
        job("done", "faceseg study c.yaml", 2000, status=JobStatus.SUCCEEDED, end_time=63_000),
        job("new", "faceseg study d.yaml", None, status=JobStatus.PENDING),
        job(None, "faceseg study e.yaml", 9000),  # a driver on the head itself, not submitted
    ]
    assert study_jobs(known) == [
        row("plain", "RUNNING", "experiments/b.yaml", 3, None),
        row("done", "SUCCEEDED", "c.yaml", 2, 63),
        row("one", "RUNNING", "a-12345678", 1, None),
        row("new", "PENDING", "d.yaml", None, None),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00:00"), (59.9, "0:00:59"), (3723, "1:02:03"), (-5, "0:00:00")]
)
def test_durations_have_hours_minutes_and_seconds(seconds: float, words: str):
    assert format_duration(seconds) == words


@dataclass
class Client:
    """Sends `text` in pieces; the connection breaks after each number of pieces in `breaks`."""

    text: list[str]
    breaks: list[int] = field(default_factory=list)
    status: JobStatus = JobStatus.SUCCEEDED
    code: int | None = 0

    def get_job_info(self, name: str) -> SimpleNamespace:
        if name != "known":
            raise RuntimeError("Request failed with status code 404: Job unknown does not exist.")
        return SimpleNamespace(
            submission_id=name, status=self.status, driver_exit_code=self.code, message="because"
        )

    def list_jobs(self) -> list[SimpleNamespace]:
        return [job("known", "faceseg study a.yaml", 1)]

    async def tail_job_logs(self, name: str) -> AsyncIterator[str]:
        until = self.breaks.pop(0) if self.breaks else None
        for piece in self.text[:until]:
            await asyncio.sleep(0)
            yield piece
        if until is not None:
            raise RuntimeError("WebSocket connection closed unexpectedly with close code 1006")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_jobs, "POLL_INTERVAL", 0.0)


def test_a_log_is_printed_once_though_the_connection_breaks(capsys: pytest.CaptureFixture[str]):
    client = Client(["one\ntw", "o\n", "three\n"], breaks=[0, 1, 0, 2])
    assert JobLog(client, "known").follow() == 0
    assert capsys.readouterr().out == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("status", "code", "expected", "words"),
    [
        (JobStatus.SUCCEEDED, 0, 0, ""),
        (JobStatus.FAILED, 2, 2, ""),
        (JobStatus.FAILED, -9, 137, ""),
        (JobStatus.FAILED, 127, 127, "does not find the command `faceseg`"),
        (JobStatus.FAILED, None, 1, "because"),
        (JobStatus.STOPPED, None, 130, "submit the same study again to resume"),
    ],
)
def test_following_returns_the_exit_code_of_the_job(
    status: JobStatus,
    code: int | None,
    expected: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
):
    assert JobLog(Client([], status=status, code=code), "known").follow() == expected
    assert words in capsys.readouterr().err


def test_the_message_on_an_unknown_job_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no job 'unknown'; its faceseg jobs: known"):
        JobLog(Client([]), "unknown").follow()


def test_a_cluster_that_stops_responding_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_jobs, "FOLLOW_TIMEOUT", 0.0)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://head:8265")
    with pytest.raises(UserError) as raised:
        JobLog(Client(["one\n"], breaks=[0, 0, 0]), "known").follow()
    assert "may still be running" in str(raised.value)
    assert "faceseg jobs --address http://head:8265 --logs known" in str(raised.value)
