"""A thread that writes while its caller continues; an error is raised where the caller next waits.

At most one write exists at any time, because each holds its data in memory.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class BackgroundWriter:
    """Run one write at a time in a thread that ends with the context, whatever ends it.

    The error of a write is raised by the next call of `wait` or, at the latest, at the end of the
    context. If another exception ends the context, that one is raised, with the error in a note.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faceseg-writer")
        self._write: Future[None] | None = None

    def submit(self, write: Callable[[], None]) -> None:
        """Call `write` in the thread, after the write before it has ended."""
        self.wait()
        self._write = self._thread.submit(write)

    def wait(self) -> None:
        """Wait for the end of the write; raise its error."""
        if self._write is not None:
            self._write.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()  # waits for the write
        if error is None:
            self.wait()
        elif self._write is not None:
            failure = self._write.exception()
            if failure is not None and failure is not error:
                error.add_note(f"a write in the background failed too: {failure}")
