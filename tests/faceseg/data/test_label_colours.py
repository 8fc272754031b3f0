"""The error for a label map in colours names the colours and the palette that fits."""

from collections.abc import Sequence

import numpy as np
import pytest

from faceseg.data.class_sets import CELEBAMASK19
from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.label_colours import colour_problem
from faceseg.data.problems import BadFile

OWN = ClassSet(names=("background", "skin"), palette=((9, 9, 9), (10, 20, 30)), face=(1,))


def problem(colours: Sequence[tuple[int, int, int]], counts: Sequence[int]) -> BadFile:
    """Return the problem of an image with these numbers of pixels of each colour."""
    pixels = np.repeat(np.array([colours], dtype=np.uint8), counts, axis=1)
    return colour_problem("a.png", pixels, OWN)


def test_the_most_frequent_colours_come_first_with_their_counts() -> None:
    found = problem([(1, 2, 3), (200, 100, 0), (0, 0, 255)], [5, 20, 1])
    assert found.wrong.endswith(
        "3 colours: (200, 100, 0) 20 times, (1, 2, 3) 5 times, (0, 0, 255) 1 times"
    )
    assert found.expected.endswith(
        "replace each colour by the index of its class in the class set (data.classes, or "
        "--classes of convert)"
    )


@pytest.mark.parametrize(
    ("palette", "name"),
    [
        (OWN.palette, "the colours of the class set"),
        (LAPA.palette[:5], "the colours of LaPa's classes"),
        (CELEBAMASK19.palette[:8], "the colours of CelebAMask-HQ"),
    ],
)
def test_a_known_palette_is_named(palette: tuple[tuple[int, int, int], ...], name: str) -> None:
    exact = problem(palette, [100] * len(palette))
    assert f"these are {name}, so replace each colour by its index there" in exact.expected
    smoothed = problem([*palette, (77, 77, 77)], [100] * len(palette) + [5 * len(palette)])
    assert f"these are {name} except for 4.8% of the pixels" in smoothed.expected
    assert "mixed" in smoothed.expected


def test_black_alone_is_no_palette() -> None:
    assert "these are" not in problem([(0, 0, 0), (1, 2, 3)], [99, 1]).expected


def test_many_colours_are_counted() -> None:
    found = problem([(value, 0, 1) for value in range(40)], [1] * 40)
    assert "40 colours: (0, 0, 1) 1 times, " in found.wrong
    assert found.wrong.endswith(", ...")
    assert found.wrong.count("times") == 6
