"""The output of the doctor: one line per check, with the finding or the error."""

from collections.abc import Callable, Mapping

from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from rich.console import Console

from pipelines.config.secrets import redact


class CheckReport:
    """Prints a line per check as soon as it is done, and records whether all passed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.all_passed = True

    def check(self, name: str, call: Callable[[], str]) -> bool:
        """Run one check.

        Args:
            name: The name of the check.
            call: Returns the finding, or raises an error that contains what to do.

        Returns:
            Whether it passed.
        """
        try:
            self.print_passed(name, call())
        except Exception as error:  # an unexpected error is a finding too; the others still run
            self.print_failed(name, error)
            return False
        return True

    def check_nodes(self, name: str, calls: Mapping[str, Callable[[], str]]) -> bool:
        """Run one check on every node: one line for all that passed, and one per failure.

        Args:
            name: The name of the check.
            calls: By node, a function like the one of `check`.

        Returns:
            Whether it passed on all nodes.
        """
        found: dict[str, str] = {}
        for node, call in calls.items():
            try:
                found[node] = call()
            except Exception as error:  # as above
                self.print_failed(f"{name} on {node}", error)
        if found:
            findings = dict.fromkeys(found.values())  # distinct, in order
            self.print_passed(name, f"{'; '.join(findings)} ({_count(len(found))})")
        return len(found) == len(calls)

    def print_passed(self, name: str, words: str) -> None:
        """Print the finding of a check that passed."""
        self._line("ok  ", "green", name, words)

    def print_failed(self, name: str, error: Exception) -> None:
        """Print the error of a check that failed."""
        self.all_passed = False
        self._line("FAIL", "red", name, one_line_error(error))

    def _line(self, mark: str, style: str, name: str, words: str) -> None:
        self._console.print(mark, style=style, end=" ")
        self._console.print(
            f"{name}: {redact(words)}", markup=False, highlight=False, soft_wrap=True
        )


def one_line_error(error: Exception) -> str:
    """Return an exception in one line; for one that was raised on a node, its own message."""
    if isinstance(error, GetTimeoutError):
        return "the node did not respond in time; see `ray status` and the log of its raylet"
    if isinstance(error, RayTaskError) and isinstance(error.cause, Exception):
        return one_line_error(error.cause)
    words = " ".join(str(error).split())
    if isinstance(error, RayActorError):
        words = f"the process for the checks could not run there: {words}"
    if isinstance(error, AssertionError | LookupError | TypeError) or not words:
        words = f"{type(error).__name__} {words}"
    return words[:600]


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
