"""The doctor's words: a line a check, `ok` or what to do."""

from collections.abc import Callable, Mapping

from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from rich.console import Console

from pipelines.config.secrets import redact


class CheckReport:
    """Prints each check's line as it is known, and remembers whether all were sound."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.all_passed = True

    def check(self, name: str, call: Callable[[], str]) -> bool:
        """Do one check: `call` returns what it found, or raises what is wrong."""
        try:
            self.print_passed(name, call())
        except Exception as error:  # a check that breaks is a finding, not the end
            self.print_failed(name, error)
            return False
        return True

    def check_nodes(self, name: str, calls: Mapping[str, Callable[[], str]]) -> bool:
        """Do one check on every node: one line for all that are well, and one for each other."""
        found: dict[str, str] = {}
        for node, call in calls.items():
            try:
                found[node] = call()
            except Exception as error:  # as above
                self.print_failed(f"{name} on {node}", error)
        if found:
            words = dict.fromkeys(found.values())  # in order, once each
            self.print_passed(name, f"{'; '.join(words)} ({_count(len(found))})")
        return len(found) == len(calls)

    def print_passed(self, name: str, words: str) -> None:
        """Print that something is well."""
        self._line("ok  ", "green", name, words)

    def print_failed(self, name: str, error: Exception) -> None:
        """Print what is wrong and what to do."""
        self.all_passed = False
        self._line("MEND", "red", name, one_line_error(error))

    def _line(self, mark: str, style: str, name: str, words: str) -> None:
        self._console.print(mark, style=style, end=" ")
        self._console.print(
            f"{name}: {redact(words)}", markup=False, highlight=False, soft_wrap=True
        )


def one_line_error(error: Exception) -> str:
    """Return an exception in one line; of one that comes from a node, its own words."""
    if isinstance(error, GetTimeoutError):
        return "the node did not answer in time; look at it with `ray status` and its raylet's log"
    if isinstance(error, RayTaskError) and isinstance(error.cause, Exception):
        return one_line_error(error.cause)
    words = " ".join(str(error).split())
    if isinstance(error, RayActorError):
        words = f"no process of ours runs there: {words}"
    if isinstance(error, AssertionError | LookupError | TypeError) or not words:
        words = f"{type(error).__name__} {words}"
    return words[:600]


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
