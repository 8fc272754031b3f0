"""Call a function again and again in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def periodically(action: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Call `action` every `seconds` while the context is open; wait for the last call at its end.

    Args:
        action: Handles its own errors: the first one that it raises ends the calls.
        seconds: From the end of a call to the next one.
        name: The thread's name.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
