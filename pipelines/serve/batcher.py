"""Dynamic batching of requests.

Whenever the network is free, it takes all waiting requests, up to a batch. Under low load a
request runs alone, under high load in full batches; none waits for others to arrive.
(`serve.batch` fills its next batches while one still runs, so under load they stay as small as
they were on arrival.)
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Calls `work` on waiting items, at most `max_batch_size` at once, one call at a time.

    Args:
        work: Runs in `executor`; returns one result per item, in order. An exception
            propagates to the caller of every item in the batch.
        max_batch_size: The maximum number of items per call.
        executor: Runs `work`.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        max_batch_size: int,
        executor: Executor,
    ) -> None:
        self._work, self._max_batch_size, self._executor = work, max_batch_size, executor
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the result of one item. Cancelling the caller removes the item from the queue."""
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
            except Exception as error:  # propagates to the callers
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
        while self._waiting and len(batch) < self._max_batch_size:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch
