"""SIGTERM ends a study as Ctrl-C does: its runs are closed, and it says how to go on.

Batch systems, containers and Ray's job manager stop a process with SIGTERM.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt on SIGTERM from now on; call again after `ray.init`.

    Ray puts a handler of its own in, which exits without a word. Nothing to do in a thread:
    signals come to the main thread alone.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


@contextmanager
def stop_requested(told: threading.Event | None = None) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set; meanwhile neither raises anything.

    For work in another thread that must not be torn in two: a Ray that is interrupted while it
    starts leaves processes behind, or aborts. For the main thread alone.
    """
    told = told or threading.Event()
    before = {each: signal.signal(each, lambda *_: told.set()) for each in SIGNALS}
    try:
        yield told
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
