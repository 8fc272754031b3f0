"""What waits goes through together; failures and leavers touch nobody else."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.serve.batcher import Batcher


class Network:
    """Doubles numbers; the first call waits until it is let through."""

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
    """Let item 0 enter the network; hand in the others while it is busy."""
    first = asyncio.create_task(batcher(0))
    await asyncio.to_thread(network.entered.wait, 30)
    others = [asyncio.create_task(batcher(item)) for item in items]
    await asyncio.sleep(0)
    return first, others


def test_what_arrives_while_the_network_is_busy_goes_together():
    async def scenario() -> list[int]:
        first, others = await first_then(batcher, network, [1, 2, 3, 4])
        network.released.set()
        return await asyncio.gather(first, *others)

    network = Network()
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(network, 3, executor)
        assert asyncio.run(scenario()) == [0, 2, 4, 6, 8]
    assert network.batches == [[0], [1, 2, 3], [4]]


def test_a_failure_is_told_to_its_batch_and_the_next_goes_on():
    async def scenario():
        first, others = await first_then(batcher, network, [-1, 1, 5])
        network.released.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    network = Network()
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(network, 2, executor)
        first, bad, beside, after = asyncio.run(scenario())
    assert (first, after) == (0, 10)
    assert bad is beside
    with pytest.raises(ValueError, match="a bad batch"):
        raise bad


def test_who_has_left_is_not_worked_for():
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
