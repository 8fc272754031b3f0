"""Waiting items run together; failures and cancellations do not affect other items."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.serve.batcher import Batcher


class Network:
    """Doubles numbers; the first call blocks until `released` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered, self.released = threading.Event(), threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        if len(self.batches) == 1:
            self.entered.set()
            assert self.released.wait(30)
        if -1 in items:
            raise ValueError("a bad batch")
        return [2 * item for item in items]


async def first_then(batcher: Batcher[int, int], network: Network, items: list[int]):
    """Submit item 0, and the others while the network is busy with it."""
    first = asyncio.create_task(batcher(0))
    await asyncio.to_thread(network.entered.wait, 30)
    others = [asyncio.create_task(batcher(item)) for item in items]
    await asyncio.sleep(0)
    return first, others


def test_items_that_arrive_while_the_network_is_busy_run_together():
    async def scenario() -> list[int]:
        first, others = await first_then(batcher, network, [1, 2, 3, 4])
        network.released.set()
        return await asyncio.gather(first, *others)

    network = Network()
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(network, 3, executor)
        assert asyncio.run(scenario()) == [0, 2, 4, 6, 8]
    assert network.batches == [[0], [1, 2, 3], [4]]


def test_a_failure_propagates_to_its_batch_only():
    async def scenario():
        first, others = await first_then(batcher, network, [-1, 1, 5])
        network.released.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    network = Network()
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(network, 2, executor)
        first, bad, other, after = asyncio.run(scenario())
    assert (first, after) == (0, 10)
    assert bad is other
    with pytest.raises(ValueError, match="a bad batch"):
        raise bad


def test_a_cancelled_item_is_not_processed():
    async def scenario() -> list[int]:
        first, others = await first_then(batcher, network, [1, 2])
        others[0].cancel()
        await asyncio.sleep(0)
        network.released.set()
        return await asyncio.gather(first, others[1])

    network = Network()
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(network, 8, executor)
        assert asyncio.run(scenario()) == [0, 4]
    assert network.batches == [[0], [2]]
