"""Requests that wait go through the network together.

Whenever the network is free it takes all that waits, up to a batch: alone when it is quiet, and
in whole batches under load, without a time to wait for others. (`serve.batch` fills its next
batches while one still runs, so under load they stay as small as they were on arrival.)
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Calls `work` on what waits, at most `most` items at once, one call after the other.

    work: runs in `executor`; returns a result for each item, in order. What it raises, each
    item's caller gets.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], most: int, executor: Executor
    ) -> None:
        self._work, self._most, self._executor = work, most, executor
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the result of one item. A caller that is cancelled is left out."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next():
            items = [item for item, _ in batch]
            try:
                results = await loop.run_in_executor(self._executor, self._work, items)
            except Exception as error:  # it is the callers' to handle
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
        self._running = None

    def _next(self) -> list[tuple[Item, "asyncio.Future[Result]"]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._most:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch
