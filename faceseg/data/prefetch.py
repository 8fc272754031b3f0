"""A parallel map in threads that yields in order and prefetches a bounded number of results."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch_map(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int | None = None
) -> Generator[Result]:
    """Yield `work(item)` for each item, in the order of the items.

    At most `ahead` results are prepared ahead of the requested one, so memory does not grow with
    the number of items. Even a single thread works while the caller does something
    else. Only work that releases Python's global lock gets faster, such as NumPy and OpenCV on
    large arrays.

    Args:
        work: The function to apply; it is called from several threads at once.
        items: The inputs, which may be endless.
        threads: The number of threads, at least 1.
        ahead: The number of results to prepare; twice the threads if it is not given. Items that
            come in batches need a whole batch: otherwise no thread works while the next is made.

    Yields:
        One result for each item. An exception of `work` is raised at its item's position.
    """
    pool = ThreadPoolExecutor(threads)
    most = 2 * threads if ahead is None else ahead
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # macOS does not have it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
