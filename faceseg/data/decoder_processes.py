"""Processes that decode untrusted files, so that a decoder can be ended.

A thread cannot be ended while it is inside a decoder. A process can: the kernel ends one that has
used its processor time, and a crash of a decoder's C code ends only the process.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from faceseg.data.image_formats import EXPECTED
from faceseg.data.problems import BadFile

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Processor time for one file. A photograph of 12 megapixels takes 0.2 s, the most laborious file
# within the limits of `decoding` 10 s.
MAX_SECONDS = 20.0
_READY = b"ready"
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Keep up to 64 MB between two files. By default glibc returns the memory of each, and its
    # pages are mapped again: 7 of 19 ms for a photograph of one megapixel.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**26),
}


class DecoderProcesses:
    """A fixed number of processes, each of which decodes one file at a time.

    They start at once and end with this process, or with `close`.

    Attributes:
        count: The number of processes.
    """

    def __init__(self, count: int, seconds: float = MAX_SECONDS) -> None:
        """Start the processes.

        Args:
            count: The number of processes, which is that of files decoded at the same time.
            seconds: The processor time after which the process of a file is ended.
        """
        self.count = count
        self._seconds = seconds
        self._idle = [_DecoderProcess() for _ in range(count)]
        self._change = threading.Condition()
        self._all_busy_since: float | None = None

    def run(
        self,
        name: str | Path,
        function: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Call a function in a process, once one is free, and return its result.

        Args:
            name: The name of the file in an error.
            function: A function of a module; its exceptions propagate.
            *arguments: Arguments that can be pickled.
            **options: Keyword arguments that can be pickled.

        Raises:
            BadFile: The call exceeded its processor time, or crashed the process.
            RuntimeError: A process cannot start.
        """
        request = pickle.dumps((self._seconds, function, arguments, options), protocol=5)
        process = self._take()
        try:
            succeeded, result = pickle.loads(process.call(request))  # noqa: S301  # of our process
        except BaseException as error:  # an interrupt too leaves a process without a known state
            status, started = process.end(), process.started
            process = self._replace(process)
            if not isinstance(error, (EOFError, OSError)):
                raise
            if not started:
                raise RuntimeError(f"a decoder process ended with status {status}") from error
            raise BadFile(name, self._reason(status), EXPECTED) from error
        finally:
            self._give_back(process)
        if not succeeded:
            raise result
        return result  # type: ignore[no-any-return]  # of the function's type

    def seconds_all_busy(self) -> float:
        """Return for how long no process has been free; 0 if one is."""
        with self._change:
            since = self._all_busy_since
            return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """End the idle processes; a busy one ends with this process."""
        with self._change:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self) -> "_DecoderProcess":
        with self._change:
            self._change.wait_for(lambda: self._idle)
            process = self._idle.pop()
            if not self._idle:
                self._all_busy_since = time.monotonic()
            return process

    def _give_back(self, process: "_DecoderProcess") -> None:
        with self._change:
            self._idle.append(process)
            self._all_busy_since = None
            self._change.notify()

    @staticmethod
    def _replace(ended: "_DecoderProcess") -> "_DecoderProcess":
        """Return a new process; without one, mark `ended` so that the next call fails as well."""
        try:
            return _DecoderProcess()
        except OSError as error:
            ended.started = False
            raise RuntimeError("a decoder process cannot start") from error

    def _reason(self, status: int) -> str:
        if status == -signal.SIGPROF:
            return f"decoding takes more than {self._seconds:g} s of processor time"
        return f"its decoder ended with status {status}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _DecoderProcess:
    """One process and the connection to it; `started` once it has imported its modules."""

    started = False

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # this Python, and our own module
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    **_ENVIRONMENT,
                },
                process_group=0,  # Ctrl-C is for this process, which then closes the connection
            )
        self._connection = Connection(ours.detach())

    def call(self, request: bytes) -> bytes:
        """Send a request and return the response.

        Raises:
            EOFError, OSError: The process ended.
        """
        if not self.started:
            self.started = self._connection.recv_bytes() == _READY
        self._connection.send_bytes(request)
        return self._connection.recv_bytes()

    def end(self) -> int:
        """Kill the process; return its exit status, the earlier one if it has ended already."""
        self._connection.close()
        self._process.kill()
        return self._process.wait()


def _main(connection: Connection) -> None:
    """Answer requests until the other side closes the connection."""
    import cv2

    from faceseg.data import images  # noqa: F401  # so that the first request does not wait for it

    cv2.setNumThreads(1)
    connection.send_bytes(_READY)
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, ConnectionResetError):  # the other side has ended
            return
        answer: tuple[bool, Any]
        try:
            seconds, function, arguments, options = pickle.loads(request)  # noqa: S301  # our parent's
            # The signal's default action ends the process, also inside a decoder's C code.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            answer = True, function(*arguments, **options)
        except Exception as error:
            answer = False, error
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send_bytes(pickle.dumps(answer, protocol=5))


if __name__ == "__main__":
    _main(Connection(int(sys.argv[1])))
