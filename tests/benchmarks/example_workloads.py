"""Contenders for the test of the contest: processes import them by name."""

import time

from tests.benchmarks.interleaved_timing import Work


def sleeper(seconds: float, images: int) -> Work:
    """Return work that is nothing but waiting."""

    def work() -> int:
        time.sleep(seconds)
        return images

    return work


def broken() -> Work:
    """Fail as a missing library would."""
    raise RuntimeError("no such runtime\nand more")
