"""Prefetched results are in order and bounded, and errors are raised at their item."""

import threading
import time

import pytest

from faceseg.data.prefetch import prefetch_map


def test_results_come_in_the_order_of_the_items() -> None:
    def slower_first(item: int) -> int:
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert list(prefetch_map(slower_first, range(9), threads=4)) == [each**2 for each in range(9)]


@pytest.mark.parametrize(("threads", "ahead", "most"), [(1, None, 2), (3, None, 6), (2, 16, 16)])
def test_the_number_of_prefetched_items_is_bounded(
    threads: int, ahead: int | None, most: int
) -> None:
    started = 0

    def endless() -> object:
        nonlocal started
        while True:
            started += 1
            yield started

    results = prefetch_map(lambda item: item, endless(), threads, ahead)
    for requested in range(1, 6):
        assert next(results) == requested
        assert started == requested + most
    results.close()


def test_work_runs_in_another_thread_than_the_caller() -> None:
    results = prefetch_map(lambda item: threading.get_ident(), range(3), threads=1)
    assert threading.get_ident() not in set(results)


def test_a_failure_is_raised_to_the_caller() -> None:
    results = prefetch_map(lambda item: 6 // item, (3, 2, 0, 1), threads=2)
    assert next(results) == 2
    assert next(results) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_at_least_one_thread_is_required() -> None:
    with pytest.raises(ValueError, match="max_workers"):
        list(prefetch_map(lambda item: item, (1,), threads=0))
