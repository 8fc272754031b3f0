"""The candidates of several machines."""

import pytest

from pipelines.tune_machine.candidates import Candidate, Machine, candidates

GIB = 2.0**30


def machine(cores: int, *, bfloat16: bool = False, gpus: int = 0, memory: float = 64) -> Machine:
    return Machine(name="test", cores=cores, memory=memory * GIB, bfloat16=bfloat16, gpus=gpus)


def shares(found: list[Candidate]) -> list[tuple[int, int, float]]:
    return [(each.workers, each.cpus, each.gpus) for each in found]


@pytest.mark.parametrize(
    ("cores", "splits"),
    [(1, [(1, 1)]), (2, [(2, 1), (1, 2)]), (6, [(6, 1), (3, 2), (1, 4), (1, 6)])],
)
def test_cores_are_split_by_powers_of_two(cores: int, splits: list[tuple[int, int]]) -> None:
    found = candidates(machine(cores), "float32")
    assert shares(found) == [(*each, 0.0) for each in splits]
    assert {each.precision for each in found} == {"float32"}


def test_bfloat16_is_a_candidate_after_the_experiments_own_precision() -> None:
    found = candidates(machine(2, bfloat16=True), "float32")
    assert [each.precision for each in found] == ["float32"] * 2 + ["mixed_bfloat16"] * 2
    own = candidates(machine(2, bfloat16=True), "mixed_bfloat16")
    assert {each.precision for each in own} == {"mixed_bfloat16"}


def test_a_gpu_is_split_among_one_two_and_four_workers() -> None:
    found = candidates(machine(8, gpus=1), "mixed_float16")
    assert shares(found)[:3] == [(1, 8, 1.0), (2, 4, 0.5), (4, 2, 0.25)]


def test_memory_limits_the_workers_to_at_least_one() -> None:
    assert shares(candidates(machine(4, memory=3), "float32")) == [(2, 2, 0.0), (1, 4, 0.0)]
    assert shares(candidates(machine(4, memory=0.5), "float32")) == [(1, 4, 0.0)]


def test_this_machine_is_detected() -> None:
    here = Machine.detect()
    assert here.cores >= 1
    assert f"{here.cores} cores" in here.name
