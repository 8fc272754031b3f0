"""Contenders for the test of interleaved_timing; processes import them by name."""

import time

from tests.benchmarks.interleaved_timing import Work


def sleeper(seconds: float, images: int) -> Work:
    """Return work that only waits."""

    def work() -> int:
        time.sleep(seconds)
        return images

    return work


def broken() -> Work:
    """Fail like a missing library."""
    raise RuntimeError("no such runtime\nand more")
