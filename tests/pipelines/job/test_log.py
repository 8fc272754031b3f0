"""The log of a study: its lines, its level, and what a full disk does to it."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.job import log
from pipelines.job.log import close_log, log_environment, log_run, open_log, study_log

logger = logging.getLogger("pipelines.search.worker")
LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]+) (?P<host>\S+) "
    r"(?P<role>\S+)/(?P<process>\d+) (?P<module>\S+) \[(?P<run>[^]]+)\] (?P<message>.*)"
)


@pytest.fixture(autouse=True)
def closed_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("FACESEG_LOG", raising=False)
    yield
    close_log()


def lines(storage: Path) -> list[str]:
    return (storage / "logs" / "fake-1.log").read_text(encoding="utf-8").splitlines()


def fields(line: str) -> dict[str, str]:
    found = LINE.fullmatch(line)
    assert found, line
    return found.groupdict()


def test_a_line_has_time_host_role_process_module_and_run(tmp_path: Path):
    open_log(tmp_path, "fake-1", "worker-2")
    logger.info("before")
    with log_run("unet-trial-003"):
        logger.warning("during")
    logger.info("named", extra={"run": "unet-final-000"})
    before, during, named = map(fields, lines(tmp_path))
    assert (before["role"], before["process"]) == ("worker-2", str(os.getpid()))
    assert (before["module"], before["run"]) == ("pipelines.search.worker", "-")
    assert (during["run"], during["level"]) == ("unet-trial-003", "WARNING")
    assert (named["run"], named["message"]) == ("unet-final-000", "named")


def test_passwords_are_redacted_in_messages_and_tracebacks(tmp_path: Path):
    open_log(tmp_path, "fake-1", "driver")
    logger.info("connects to %s", "postgresql+psycopg://me:secret@host/optuna")
    try:
        raise ValueError("no answer from http://me:secret@host:5000")
    except ValueError:
        logger.exception("failed")
    text = "\n".join(lines(tmp_path))
    assert "secret" not in text
    assert "postgresql+psycopg://me:***@host/optuna" in text
    assert "ValueError: no answer from http://me:***@host:5000" in text


def test_the_lines_of_a_traceback_are_indented(tmp_path: Path):
    open_log(tmp_path, "fake-1", "driver")
    logger.error("first\nsecond")
    logger.info("third")
    assert [line[:4] == "    " for line in lines(tmp_path)] == [False, True, False]


@pytest.mark.parametrize(
    ("level", "levels"),
    [(None, ["INFO", "ERROR"]), ("debug", ["DEBUG", "INFO", "ERROR"]), ("ERROR", ["ERROR"])],
)
def test_the_environment_sets_the_level(
    level: str | None, levels: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if level:
        monkeypatch.setenv("FACESEG_LOG", level)
    open_log(tmp_path, "fake-1", "driver")
    for each in (logging.DEBUG, logging.INFO, logging.ERROR):
        logger.log(each, "an event")
    assert [fields(line)["level"] for line in lines(tmp_path)] == levels
    assert log_environment() == ({"FACESEG_LOG": level} if level else {})


def test_an_unknown_level_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACESEG_LOG", "loud")
    with pytest.raises(UserError, match="FACESEG_LOG=LOUD is not a logging level; expected DEBUG"):
        open_log(tmp_path, "fake-1", "driver")


def test_opening_it_twice_writes_each_line_once(tmp_path: Path):
    for _ in range(2):
        open_log(tmp_path, "fake-1", "driver")
    logger.info("an event")
    assert len(lines(tmp_path)) == 1


def test_the_terminal_stays_as_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    logger.warning("no log is open")
    with study_log(tmp_path, "fake-1"):
        logger.error("an event")
    logger.error("no log is open")
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("pipelines").propagate


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("no such file"), "driver stopped: no such file"),
        (KeyboardInterrupt(), "driver was interrupted"),
        (RuntimeError("a defect"), "driver failed"),
    ],
)
def test_the_end_of_a_driver_is_logged(error: BaseException, words: str, tmp_path: Path):
    with pytest.raises(type(error)), study_log(tmp_path, "fake-1"):
        raise error
    written = [line for line in lines(tmp_path) if not line.startswith("    ")]
    assert fields(written[-1])["message"] == words
    assert ("Traceback" in "\n".join(lines(tmp_path))) == isinstance(error, RuntimeError)


def test_a_disk_that_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    missing = tmp_path / "missing"
    with study_log(missing, "fake-1"):
        logger.info("an event")
        assert not missing.exists()
        missing.mkdir()
        logger.info("another")
    assert [fields(line)["message"] for line in lines(missing)] == ["another", "driver finished"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        open_log(tmp_path, "fake-1", "driver")
        (handler,) = log._open_handlers
        monkeypatch.setattr(handler, "stream", full)
        logger.info("an event")
        close_log()
    assert capfd.readouterr() == ("", "")
