"""What is tried on which machine."""

import pytest

from pipelines.tune_machine.candidates import Candidate, Machine, candidates

GIB = 2.0**30


def machine(cores: int, *, bfloat16: bool = False, cards: int = 0, memory: float = 64) -> Machine:
    return Machine("made", cores, memory * GIB, bfloat16, cards)


def shares(found: list[Candidate]) -> list[tuple[int, int, float]]:
    return [(each.workers, each.cpus, each.gpus) for each in found]


@pytest.mark.parametrize(
    ("cores", "splits"),
    [(1, [(1, 1)]), (2, [(2, 1), (1, 2)]), (6, [(6, 1), (3, 2), (1, 4), (1, 6)])],
)
def test_processors_are_shared_out_by_powers_of_two(
    cores: int, splits: list[tuple[int, int]]
) -> None:
    found = candidates(machine(cores), "float32")
    assert shares(found) == [(*each, 0.0) for each in splits]
    assert {each.precision for each in found} == {"float32"}


def test_bfloat16_is_tried_where_the_machine_has_it_and_the_experiments_own_first() -> None:
    found = candidates(machine(2, bfloat16=True), "float32")
    assert [each.precision for each in found] == ["float32"] * 2 + ["mixed_bfloat16"] * 2
    own = candidates(machine(2, bfloat16=True), "mixed_bfloat16")
    assert {each.precision for each in own} == {"mixed_bfloat16"}


def test_a_card_is_given_to_one_two_and_four() -> None:
    found = candidates(machine(8, cards=1), "mixed_float16")
    assert shares(found)[:3] == [(1, 8, 1.0), (2, 4, 0.5), (4, 2, 0.25)]


def test_no_more_workers_than_memory_holds_but_always_one() -> None:
    assert shares(candidates(machine(4, memory=3), "float32")) == [(2, 2, 0.0), (1, 4, 0.0)]
    assert shares(candidates(machine(4, memory=0.5), "float32")) == [(1, 4, 0.0)]


def test_this_machine_has_a_name_and_processors() -> None:
    here = Machine.detect()
    assert here.cores >= 1
    assert f"{here.cores} cores" in here.name
