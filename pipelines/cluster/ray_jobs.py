"""Jobs on a Ray cluster: list them, follow one to its end, stop one."""

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

STUDY_KEY = "faceseg.study"  # in a job's metadata
STUDY_COMMAND = re.compile(r"\bfaceseg study\s+(\S+)")  # the same command by `ray job submit`
INTERRUPTED = 130
FOLLOW_TIMEOUT = 120.0  # seconds without an answer, and following ends
POLL_INTERVAL = 0.5  # seconds between two looks at a job, or two tries


@dataclass(frozen=True)
class RayJob:
    """What a table shows of a job. Times are seconds since 1970, None where there is none yet."""

    name: str
    status: str
    study: str
    started: float | None
    ended: float | None


def study_jobs(jobs: Iterable[Any]) -> list[RayJob]:
    """Return faceseg's jobs, newest first; those of plain `ray job submit` too."""
    lines = []
    for job in jobs:
        command = STUDY_COMMAND.search(job.entrypoint)
        study = (job.metadata or {}).get(STUDY_KEY) or (command and command[1])
        if job.submission_id and study:
            started, ended = (each and each / 1000 for each in (job.start_time, job.end_time))
            lines.append(RayJob(job.submission_id, job.status.value, study, started, ended))
    return sorted(lines, key=lambda line: line.started or 0, reverse=True)


def print_jobs(client: Any, console: "Console") -> None:
    """Print a table of faceseg's jobs."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "study", "started", "duration"):
        table.add_column(heading, overflow="fold")
    lines = study_jobs(client.list_jobs())
    for line in lines:
        began = line.started
        table.add_row(
            line.name,
            line.status,
            line.study,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(began)) if began else "-",
            format_duration((line.ended or time.time()) - began) if began else "-",
        )
    console.print(table if lines else "no job of faceseg on this cluster")


def format_duration(seconds: float) -> str:
    """Return hours, minutes and seconds as people write them: 1:02:03."""
    minutes, rest = divmod(int(max(0, seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def job_info(client: Any, name: str) -> Any:
    """Return what the cluster knows of a job; UserError if there is none of this name."""
    try:
        return client.get_job_info(name)
    except RuntimeError as error:
        if "404" not in str(error):
            raise
        known = ", ".join(line.name for line in study_jobs(client.list_jobs())[:5]) or "none"
        raise UserError(f"the cluster has no job {name!r}; faceseg's are: {known}") from error


def stop_job(client: Any, name: str, console: "Console") -> None:
    """Ask a job to stop, and wait until it has."""
    if not job_info(client, name).status.is_terminal():
        client.stop_job(name)
        console.print(f"stopping {name}: its runs are being closed", highlight=False)
    while not (found := job_info(client, name)).status.is_terminal():
        time.sleep(POLL_INTERVAL)
    console.print(f"{name}: {found.status.value}", highlight=False)


def command(address: str, verb: str, name: str) -> str:
    """Return the line that follows (`--logs`) or stops (`--stop`) a job."""
    return f"faceseg jobs --address {address} {verb} {name}"


@dataclass
class JobLog:
    """A job's output, printed here as it comes; what was printed is not printed again."""

    client: Any
    name: str
    printed: int = 0  # characters

    def follow(self) -> int:
        """Print to the job's end; return its exit code (130 if it was stopped)."""
        import aiohttp

        job_info(self.client, self.name)
        heard = time.monotonic()
        while True:
            before = self.printed
            try:
                asyncio.run(self._tail())
                found = job_info(self.client, self.name)
            except BrokenPipeError:  # of our own output: nobody reads on
                raise
            except (RuntimeError, OSError, aiohttp.ClientError) as error:
                heard = time.monotonic() if self.printed > before else heard
                if time.monotonic() - heard > FOLLOW_TIMEOUT:
                    raise UserError(self._silence(error)) from error
            else:
                heard = time.monotonic()
                if found.status.is_terminal():
                    return _ended(found)
            time.sleep(POLL_INTERVAL)

    async def _tail(self) -> None:
        """Print what comes, beyond what was printed, until the connection ends."""
        seen = 0
        async for text in self.client.tail_job_logs(self.name):
            new = text[max(0, self.printed - seen) :]
            seen += len(text)
            self.printed = max(self.printed, seen)
            sys.stdout.write(new)
            sys.stdout.flush()

    def _silence(self, error: Exception) -> str:
        again = command(os.environ.get("RAY_API_SERVER_ADDRESS", "URL"), "--logs", self.name)
        return (
            f"the cluster has not answered for {FOLLOW_TIMEOUT:g} s ({short_cause(error)}). Job {self.name} "
            f"may go on without us; to follow it again: {again}"
        )


def _ended(found: Any) -> int:
    """Say how a job ended that was not well; return its exit code."""
    status, code = found.status.value, found.driver_exit_code
    if status == "SUCCEEDED":
        return 0
    if status == "STOPPED":
        _say(f"job {found.submission_id} was stopped; the same study submitted again goes on")
        return INTERRUPTED
    if code is None:  # its command never ran to an end: Ray says why, and the log does not
        _say(redact(found.message or f"job {found.submission_id} failed"))
        return 1
    if code == 127:
        _say(
            "the head node's shell finds no `faceseg`: start Ray there with the environment on "
            "its PATH (source .venv/bin/activate, then ray start)"
        )
    return int(code) if code >= 0 else 128 - int(code)  # killed by a signal: as shells say it


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
