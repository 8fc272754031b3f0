"""The translation of a format's classes: rules, conditions, and what is refused."""

import numpy as np
import pytest

from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.formats.mapping import ClassMapping, Conditional, Target
from faceseg.errors import UserError

SMALL = ClassSet(
    names=("background", "skin", "hair"), palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)), face=(1,)
)
NATIVE = ("void", "skin", "wig", "lens", "pupil")
LENS = Conditional(to="skin", where=("pupil",), otherwise="background")
RULES: dict[str, Target] = {"wig": "hair", "lens": LENS, "pupil": "skin"}


def test_rules_equal_names_and_the_background() -> None:
    mapping = ClassMapping(NATIVE, SMALL, {"wig": "ignore", "lens": "hair", "pupil": "skin"})
    labels = np.array([[0, 1, 2, 3, 4, 255]], dtype=np.uint8)
    # void is the first class, so it becomes the background; skin has its own name there.
    assert mapping.apply(labels).tolist() == [[0, 1, 255, 2, 1, 255]]
    assert mapping.apply(labels).dtype == np.uint8


def test_a_condition_holds_for_the_whole_image() -> None:
    mapping = ClassMapping(NATIVE, SMALL, RULES)
    assert mapping.apply(np.array([[3, 3], [1, 4]], np.uint8)).tolist() == [[1, 1], [1, 1]]
    assert mapping.apply(np.array([[3, 3], [1, 2]], np.uint8)).tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "is given for wig, lens, pupil; add a line for each to `map`"),
        (RULES | {"wigg": "hair"}, "no class in these annotations named 'wigg'.*mean 'wig'"),
        (RULES | {"wig": "hare"}, "no class in the class set named 'hare'.*mean 'hair'"),
        (RULES | {"wig": LENS.model_copy(update={"to": "hat"})}, "class set named 'hat'"),
        (RULES | {"wig": LENS.model_copy(update={"otherwise": "x"})}, "class set named 'x'"),
        (RULES | {"wig": LENS.model_copy(update={"where": ("eye",)})}, "annotations named 'eye'"),
    ],
)
def test_wrong_rules_are_refused(rules: dict[str, Target], words: str) -> None:
    with pytest.raises(UserError, match=words):
        ClassMapping(NATIVE, SMALL, rules)


def test_lapas_names_map_to_themselves() -> None:
    labels = np.arange(11, dtype=np.uint8).reshape(1, 11)
    np.testing.assert_array_equal(ClassMapping(LAPA.names, LAPA, {}).apply(labels), labels)
