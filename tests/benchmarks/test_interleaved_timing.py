"""All contenders have the same number of turns, and one that cannot start is reported."""

from tests.benchmarks.interleaved_timing import TimingResult, Workload, table, time_in_turns

HERE = "tests.benchmarks.example_workloads"


def test_ratios_are_of_the_same_round():
    first = TimingResult(Workload("first", ""), [10.0, 20.0, 40.0])
    second = TimingResult(Workload("second", ""), [20.0, 60.0, 40.0])
    assert second.ratio(first) == 2.0  # of 2, 3 and 1


def test_each_has_its_turns_and_one_that_fails_is_absent():
    scores = time_in_turns(
        [
            Workload("one", f"{HERE}:sleeper", {"seconds": 0.01, "images": 3}),
            Workload("none", f"{HERE}:broken"),
        ],
        rounds=2,
    )
    assert [len(each.speeds) for each in scores] == [2, 0]
    assert 0 < scores[0].speeds[0] <= 3 / 0.01
    assert scores[1].absent == "RuntimeError: no such runtime"
    assert "absent: RuntimeError" in table(scores).splitlines()[2]
