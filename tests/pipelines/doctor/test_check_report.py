"""The doctor's lines."""

import io
from collections.abc import Callable

import pytest
from ray.exceptions import GetTimeoutError, RayTaskError
from rich.console import Console

from faceseg.errors import UserError
from pipelines.doctor.check_report import CheckReport, one_line_error


@pytest.fixture
def paper() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(paper: io.StringIO) -> CheckReport:
    return CheckReport(Console(file=paper, width=20))


def fails(error: Exception) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def test_all_well(report: CheckReport, paper: io.StringIO):
    assert report.check("ray", lambda: "reached at head:6379")
    assert report.check_nodes("disk", {"a": lambda: "9 GiB", "b": lambda: "9 GiB"})
    assert report.check_nodes("gpu", {"a": lambda: "H100", "b": lambda: "A10"})
    assert report.all_passed
    assert paper.getvalue().splitlines() == [
        "ok   ray: reached at head:6379",
        "ok   disk: 9 GiB (2 nodes)",
        "ok   gpu: H100; A10 (2 nodes)",
    ]


def test_what_is_wrong_is_a_line_and_the_round_goes_on(report: CheckReport, paper: io.StringIO):
    url = "postgresql://me:geheim@host/x"
    assert not report.check("optuna", fails(UserError(f"{url} cannot be opened")))
    assert not report.check_nodes(
        "disk", {"a": lambda: "9 GiB", "b": fails(KeyError("free")), "c": fails(ValueError())}
    )
    assert not report.all_passed
    assert paper.getvalue().splitlines() == [
        "MEND optuna: postgresql://me:***@host/x cannot be opened",
        "MEND disk on b: KeyError 'free'",
        "MEND disk on c: ValueError ",
        "ok   disk: 9 GiB (1 node)",
    ]


def test_an_error_of_a_node_is_told_in_its_own_words():
    cause = UserError("mount it\n  there")
    assert one_line_error(RayTaskError("storage", "a long traceback", cause)) == "mount it there"
    assert one_line_error(GetTimeoutError()).startswith("the node did not answer in time")
