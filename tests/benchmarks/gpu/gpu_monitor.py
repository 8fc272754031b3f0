"""Readings of the GPU driver during a measurement: utilisation, memory and power."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

GIB = 2**30
EVERY = 0.1  # seconds between two readings


def describe() -> dict[str, str | float]:
    """Return the first GPU's name, memory and driver; RuntimeError if there is none."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise RuntimeError(f"the driver finds no GPU ({error})") from error
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    return {
        "card": str(pynvml.nvmlDeviceGetName(handle)),
        "memory GiB": round(pynvml.nvmlDeviceGetMemoryInfo(handle).total / GIB, 1),
        "driver": str(pynvml.nvmlSystemGetDriverVersion()),
    }


@contextmanager
def watched(found: dict[str, float]) -> Iterator[None]:
    """Put the mean `busy` (share of time with a kernel) and `watts` of a block into `found`."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # no GPU, or no driver: there are no readings
        yield
        return
    readings: list[tuple[float, float]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            readings.append((busy, pynvml.nvmlDeviceGetPowerUsage(handle) / 1000))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if readings:
            found["busy"], found["watts"] = (float(each) for each in np.mean(readings, axis=0))
