"""The load of other programs, from processor times worked out by hand."""

import pytest

from pipelines.job.machine_load import CpuTimes, cpu_times, is_quiet, load_between


def test_the_load_is_that_of_other_programs_per_second():
    start = CpuTimes(at=10.0, busy=100.0, own=7.0)
    end = CpuTimes(at=12.0, busy=105.0, own=9.0)  # 5 s of processors, 2 of them its own, in 2 s
    assert load_between(start, end) == 1.5
    assert load_between(start, CpuTimes(at=12.0, busy=101.0, own=9.0)) == 0.0  # it is rounded


def test_processor_times_grow():
    first, second = cpu_times(), cpu_times()
    assert second.at >= first.at
    assert second.busy >= first.busy > first.own


@pytest.mark.parametrize(
    ("metrics", "quiet"),
    [({"latency/load": 0.2}, True), ({"latency/load": 0.3}, False), ({}, False)],
)
def test_an_unknown_load_is_not_quiet(metrics: dict[str, float], quiet: bool):
    assert is_quiet(metrics) == quiet
