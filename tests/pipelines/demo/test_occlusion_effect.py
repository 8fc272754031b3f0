"""The effect of an occluder, counted by hand on 10 x 10 pixels."""

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.robustness.occlusion import Occlusion
from pipelines.demo.inspection import occlusion_effect

SKIN, EYE, NOSE = 1, 4, 6


def rows(*counts_and_ids: tuple[int, int]) -> np.ndarray:
    """Return labels (10, 10) in whole rows: for each pair, `count` rows of the id."""
    ids = [label for count, label in counts_and_ids for _ in range(count)]
    return np.repeat(np.array(ids, np.uint8)[:, None], 10, axis=1)


def over_the_first_two_rows(label: int | None) -> Occlusion:
    mask = np.zeros((10, 10), np.bool_)
    mask[:2] = True
    return Occlusion(image=np.zeros((10, 10, 3), np.uint8), mask=mask, coverage=0.2, label=label)


BEFORE = rows((5, SKIN), (2, EYE), (3, NOSE))
# Of 80 visible pixels: of 30 of skin 10 become background, of 20 of an eye 10 become skin.
AFTER = rows((1, SKIN), (2, 0), (2, SKIN), (1, EYE), (1, SKIN), (3, NOSE))


def test_only_visible_pixels_count():
    found = occlusion_effect(BEFORE, AFTER, over_the_first_two_rows(0), LAPA)
    assert found.changed == pytest.approx(20 / 80)
    assert found.lost[SKIN] == pytest.approx(1 / 3)
    assert found.lost[EYE] == pytest.approx(1 / 2)
    assert found.lost[NOSE] == 0
    assert np.isnan(found.lost[10])  # no pixel is hair
    assert found.worst == EYE
    assert found.still_face == pytest.approx(1 / 2)  # one of the two covered rows is skin


def test_a_transparent_occluder_leaves_all_pixels_visible():
    found = occlusion_effect(BEFORE, AFTER, over_the_first_two_rows(None), LAPA)
    assert found.changed == pytest.approx(30 / 100)
    assert found.lost[SKIN] == pytest.approx(20 / 50)
    assert np.isnan(found.still_face)


def test_no_class_is_the_worst_if_nothing_changes():
    found = occlusion_effect(BEFORE, BEFORE, over_the_first_two_rows(0), LAPA)
    assert (found.changed, found.worst) == (0, None)


def test_a_class_of_few_pixels_is_never_the_worst():
    before, after = BEFORE.copy(), BEFORE.copy()
    before[9, :9] = EYE + 1  # 9 pixels, all of them lost
    after[5] = SKIN  # half of the other eye
    found = occlusion_effect(before, after, over_the_first_two_rows(0), LAPA)
    assert found.lost[EYE + 1] == 1
    assert found.worst == EYE
