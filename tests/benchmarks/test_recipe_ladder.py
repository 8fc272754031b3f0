"""The settings of the recipe ladder's rungs."""

from argparse import Namespace

from tests.benchmarks.recipe_ladder import ALL, BASE, OPTIONS, trainings


def options(rung: str, *left_out: str) -> list[str]:
    given = Namespace(leave_out=left_out, drawn=[], architecture="unet", seeds=1)
    ((first, *_),) = trainings("fasseg_frontal", rung, given)
    return [each for each in OPTIONS if f"@{OPTIONS[each]}" in first.settings]


def test_an_option_is_left_out_of_all_and_of_no_other_rung():
    assert options(BASE) == []
    assert options("lovasz", "lovasz") == ["lovasz"]
    assert options(ALL) == list(OPTIONS)
    assert options(ALL, "lovasz") == [each for each in OPTIONS if each != "lovasz"]
