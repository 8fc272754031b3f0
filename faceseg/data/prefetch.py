"""Work done ahead in threads: results in order, a bounded number of them waiting."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch_map(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Generator[Result]:
    """Yield `work(item)` for each item, in the order of the items.

    Up to `2 * threads` results are made ahead of the one that is asked for, and no more, so
    memory does not grow with the items. Even one thread works while the caller does something
    else; what gains is what leaves Python's lock, as NumPy and OpenCV do on large arrays.
    What `work` raises is raised here.
    """
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
