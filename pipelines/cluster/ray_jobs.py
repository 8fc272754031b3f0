"""Jobs on a Ray cluster: listing, following and stopping them."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from faceseg.errors import UserError
from pipelines.cluster.job_client import short_cause
from pipelines.config.secrets import redact

if TYPE_CHECKING:
    from rich.console import Console

STUDY_KEY = "faceseg.study"  # key in a job's metadata
STUDY_COMMAND = re.compile(r"\bfaceseg study\s+(\S+)")  # submitted with `ray job submit`
INTERRUPTED = 130
FOLLOW_TIMEOUT = 120.0  # seconds without a response after which following ends
POLL_INTERVAL = 0.5  # seconds between two requests


@dataclass(frozen=True, kw_only=True)
class RayJob:
    """A job's row in the table. Times are seconds since 1970; None: not started, not ended."""

    name: str
    status: str
    study: str
    started: float | None
    ended: float | None


def study_jobs(jobs: Iterable[Any]) -> list[RayJob]:
    """Select the jobs that run a study.

    Args:
        jobs: Ray's descriptions of all jobs.

    Returns:
        The jobs of `faceseg submit`, and those of `ray job submit` that run `faceseg study`;
        the newest one is first.
    """
    rows = []
    for job in jobs:
        command = STUDY_COMMAND.search(job.entrypoint)
        study = (job.metadata or {}).get(STUDY_KEY) or (command and command[1])
        if job.submission_id and study:
            started, ended = (each and each / 1000 for each in (job.start_time, job.end_time))
            rows.append(
                RayJob(
                    name=job.submission_id,
                    status=job.status.value,
                    study=study,
                    started=started,
                    ended=ended,
                )
            )
    return sorted(rows, key=lambda row: row.started or 0, reverse=True)


def print_jobs(client: Any, console: "Console") -> None:
    """Print a table of the jobs that run a study."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "study", "started", "duration"):
        table.add_column(heading, overflow="fold")
    jobs = study_jobs(client.list_jobs())
    for job in jobs:
        started = job.started
        table.add_row(
            job.name,
            job.status,
            job.study,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(started)) if started else "-",
            format_duration((job.ended or time.time()) - started) if started else "-",
        )
    console.print(table if jobs else "this cluster has no faceseg jobs")


def format_duration(seconds: float) -> str:
    """Format a number of seconds as hours, minutes and seconds: 1:02:03."""
    minutes, whole_seconds = divmod(int(max(0, seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{whole_seconds:02}"


def job_info(client: Any, name: str) -> Any:
    """Return Ray's description of a job; raise UserError if the cluster has no such job."""
    try:
        return client.get_job_info(name)
    except RuntimeError as error:
        if "404" not in str(error):
            raise
        known = ", ".join(job.name for job in study_jobs(client.list_jobs())[:5]) or "none"
        raise UserError(f"the cluster has no job {name!r}; its faceseg jobs: {known}") from error


def stop_job(client: Any, name: str, console: "Console") -> None:
    """Stop a job, and wait until it has ended.

    Args:
        client: Ray's client of the job server.
        name: The job's name.
        console: Receives the progress.

    Raises:
        UserError: The cluster has no such job.
    """
    if not job_info(client, name).status.is_terminal():
        client.stop_job(name)
        console.print(f"stopping {name}: it closes its runs first", highlight=False)
    while not (job := job_info(client, name)).status.is_terminal():
        time.sleep(POLL_INTERVAL)
    console.print(f"{name}: {job.status.value}", highlight=False)


def command(address: str, option: str, name: str) -> str:
    """Return the command line that follows (`--logs`) or stops (`--stop`) a job."""
    return f"faceseg jobs --address {address} {option} {name}"


@dataclass
class JobLog:
    """Prints a job's output as it arrives, each character once.

    Attributes:
        client: Ray's client of the job server.
        name: The job's name.
        printed: The number of characters printed so far.
    """

    client: Any
    name: str
    printed: int = 0

    def follow(self) -> int:
        """Print the output until the job ends; reconnect where the connection breaks.

        Returns:
            The job's exit code; 130 if it was stopped.

        Raises:
            UserError: The cluster has no such job, or has not responded for FOLLOW_TIMEOUT.
        """
        import aiohttp

        job_info(self.client, self.name)
        last_response = time.monotonic()
        while True:
            before = self.printed
            try:
                asyncio.run(self._tail())
                job = job_info(self.client, self.name)
            except BrokenPipeError:  # the reader of our own output has ended
                raise
            except (RuntimeError, OSError, aiohttp.ClientError) as error:
                if self.printed > before:
                    last_response = time.monotonic()
                if time.monotonic() - last_response > FOLLOW_TIMEOUT:
                    raise UserError(self._timeout_message(error)) from error
            else:
                last_response = time.monotonic()
                if job.status.is_terminal():
                    return _exit_code(job)
            time.sleep(POLL_INTERVAL)

    async def _tail(self) -> None:
        """Print new output until the connection ends; it starts with all earlier output."""
        received = 0
        async for text in self.client.tail_job_logs(self.name):
            new = text[max(0, self.printed - received) :]
            received += len(text)
            self.printed = max(self.printed, received)
            sys.stdout.write(new)
            sys.stdout.flush()

    def _timeout_message(self, error: Exception) -> str:
        again = command(os.environ.get("RAY_API_SERVER_ADDRESS", "URL"), "--logs", self.name)
        return (
            f"the cluster has not responded for {FOLLOW_TIMEOUT:g} s ({short_cause(error)}). Job "
            f"{self.name} may still be running; to follow it again: {again}"
        )


def _exit_code(job: Any) -> int:
    """Return an ended job's exit code; print a message unless it succeeded."""
    status, code = job.status.value, job.driver_exit_code
    if status == "SUCCEEDED":
        return 0
    if status == "STOPPED":
        _print_error(f"job {job.submission_id} was stopped; submit the same study again to resume")
        return INTERRUPTED
    if code is None:  # the command did not end by itself: only Ray's message contains the reason
        _print_error(redact(job.message or f"job {job.submission_id} failed"))
        return 1
    if code == 127:
        _print_error(
            "the head node's shell does not find the command `faceseg`: start Ray there in the "
            "environment that contains it (source .venv/bin/activate, then ray start)"
        )
    return int(code) if code >= 0 else 128 - int(code)  # killed by a signal: the code of a shell


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
