"""SIGTERM ends a study as Ctrl-C does: its runs are closed, and it says how to go on.

Batch systems, containers and Ray's job manager stop a process with SIGTERM.
"""

import signal
import threading
from typing import Any


def heed_sigterm() -> None:
    """Raise KeyboardInterrupt on SIGTERM from now on; call again after `ray.init`.

    Ray puts a handler of its own in, which exits without a word. Nothing to do in a thread:
    signals come to the main thread alone.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
