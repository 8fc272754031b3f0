"""SIGTERM interrupts a study like Ctrl-C: its runs are closed, and a message explains resuming.

Batch systems, containers and Ray's job manager stop a process with SIGTERM. This module must not
import Ray: the command line imports it for `--help`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt on SIGTERM from now on; call this again after `ray.init`.

    Ray installs a handler that exits without a message. Outside the main thread this does
    nothing, because only the main thread can handle signals.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


@contextmanager
def stop_requested(event: threading.Event | None = None) -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM set an event in the context, instead of raising KeyboardInterrupt.

    Use it in the main thread, while another thread does work that must not be interrupted: a
    Ray that is interrupted while it starts leaves processes behind, or aborts.

    Args:
        event: The event to set; None creates one.

    Yields:
        The event.
    """
    requested = event or threading.Event()
    before = {each: signal.signal(each, lambda *_: requested.set()) for each in SIGNALS}
    try:
        yield requested
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
