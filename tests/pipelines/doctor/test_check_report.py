"""The lines of the doctor's report."""

import io
from collections.abc import Callable

import pytest
from ray.exceptions import GetTimeoutError, RayTaskError
from rich.console import Console

from faceseg.errors import UserError
from pipelines.doctor.check_report import CheckReport, one_line_error


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(output: io.StringIO) -> CheckReport:
    return CheckReport(Console(file=output, width=20))


def failing(error: Exception) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def test_passed_checks_print_their_findings(report: CheckReport, output: io.StringIO):
    assert report.check("ray", lambda: "reached at head:6379")
    assert report.check_nodes("disk", {"a": lambda: "9 GiB", "b": lambda: "9 GiB"})
    assert report.check_nodes("gpu", {"a": lambda: "H100", "b": lambda: "A10"})
    assert report.all_passed
    assert output.getvalue().splitlines() == [
        "ok   ray: reached at head:6379",
        "ok   disk: 9 GiB (2 nodes)",
        "ok   gpu: H100; A10 (2 nodes)",
    ]


def test_a_failed_check_prints_its_error_and_the_others_still_run(
    report: CheckReport, output: io.StringIO
):
    url = "postgresql://me:geheim@host/x"
    assert not report.check("optuna", failing(UserError(f"{url} cannot be opened")))
    assert not report.check_nodes(
        "disk", {"a": lambda: "9 GiB", "b": failing(KeyError("free")), "c": failing(ValueError())}
    )
    assert not report.all_passed
    assert output.getvalue().splitlines() == [
        "FAIL optuna: postgresql://me:***@host/x cannot be opened",
        "FAIL disk on b: KeyError 'free'",
        "FAIL disk on c: ValueError ",
        "ok   disk: 9 GiB (1 node)",
    ]


def test_an_error_on_a_node_is_printed_with_its_own_message():
    cause = UserError("mount it\n  there")
    assert one_line_error(RayTaskError("storage", "a long traceback", cause)) == "mount it there"
    assert one_line_error(GetTimeoutError()).startswith("the node did not respond in time")
