"""Scores by kind, worked by hand on one image of 1x2 pixels that are both foreground."""

import numpy as np
import pytest

from faceseg.robustness.conditions import Condition
from faceseg.statistics import condition_overlap_counts, kind_scores

# Confusion matrices [truth, prediction] of background and foreground.
HALF = [[0, 0], [1, 1]]  # one of two pixels found: IoU 1/2
NONE = [[0, 0], [2, 0]]  # no pixel found: IoU 0
EMPTY = [[2, 0], [0, 0]]  # no foreground, true or predicted: IoU undefined


def make_conditions(suite, severities, **matrices):
    """Return the clean condition (IoU 1/2), then one condition a severity of each kind."""
    rows = [("clean", 0.0, HALF)]
    rows += [
        (kind, severity, matrix)
        for kind, given in matrices.items()
        for severity, matrix in zip(severities, given, strict=True)
    ]
    return [
        Condition(
            suite=suite,
            kind=kind,
            severity=severity,
            counts={"truth": np.array([matrix], dtype=np.int32)},
            coverage=np.zeros(1),
        )
        for kind, severity, matrix in rows
    ]


def score(conditions, kinds, **options):
    counts = condition_overlap_counts(conditions, "truth").sum(axis=0).astype(np.float64)
    return kind_scores(counts, conditions, kinds, **options)


def test_counts_are_intersections_and_unions_of_each_condition():
    found = condition_overlap_counts(make_conditions("cor-v1", (1.0,), jpeg=[NONE]), "truth")
    # Background: no pixel is right; 1 pixel (clean) or 2 pixels (jpeg) are called background.
    np.testing.assert_array_equal(found, [[[[0, 1], [1, 2]], [[0, 2], [0, 2]]]])


def test_only_the_first_images_are_used():
    counts = np.array([HALF, NONE, NONE], dtype=np.int32)
    condition = Condition(
        suite="cor-v1",
        kind="clean",
        severity=0.0,
        counts={"truth": counts},
        coverage=np.zeros(3),
    )
    assert condition_overlap_counts([condition], "truth", images=2).shape == (2, 1, 2, 2)
    assert condition_overlap_counts([condition], "truth").shape == (3, 1, 2, 2)


def test_severities_of_equal_weight_are_averaged():
    # jpeg: (1/2 + 0) / 2 = 1/4. fog: 1/2. Their mean: 3/8. Divided by the clean 1/2: twice that.
    conditions = make_conditions("cor-v1", (1.0, 2.0), jpeg=[HALF, NONE], fog=[HALF, HALF])
    found = score(conditions, ["jpeg", "fog"], by_share=False)
    np.testing.assert_allclose(found, [1 / 4, 1 / 2, 3 / 8])
    kept = score(conditions, ["jpeg", "fog"], by_share=False, relative=True)
    np.testing.assert_allclose(kept, [1 / 2, 1, 3 / 4])


def test_shares_of_the_face_give_the_area_under_the_curve():
    # IoU 1/2, 1/2, 0 at the shares 0, 1/4, 1/2: (1/4 x 1/2 + 1/4 x 1/4) / (1/2) = 3/8.
    conditions = make_conditions("occ-v1", (0.25, 0.5), blob=[HALF, NONE])
    found = score(conditions, ["blob"], by_share=True)
    np.testing.assert_allclose(found, [3 / 8, 3 / 8])
    kept = score(conditions, ["blob"], by_share=True, relative=True)
    np.testing.assert_allclose(kept, [3 / 4, 3 / 4])


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize(
    ("suite", "severities", "by_share"),
    [("cor-v1", (1.0, 2.0), False), ("occ-v1", (0.25, 0.5), True)],
)
def test_an_undefined_severity_makes_its_kind_and_the_mean_undefined(
    suite, severities, by_share, relative
):
    conditions = make_conditions(suite, severities, blob=[HALF, EMPTY], gray_square=[HALF, HALF])
    found = score(conditions, ["blob", "gray_square"], by_share=by_share, relative=relative)
    assert np.isnan(found).tolist() == [True, False, True]


def test_leading_axes_are_kept():
    conditions = make_conditions("cor-v1", (1.0, 2.0), jpeg=[HALF, NONE])
    counts = condition_overlap_counts(conditions, "truth").astype(np.float64)
    assert kind_scores(counts, conditions, ["jpeg"], by_share=False).shape == (1, 2)


def test_the_first_condition_must_be_the_clean_one():
    conditions = make_conditions("cor-v1", (1.0,), jpeg=[NONE])[::-1]
    with pytest.raises(ValueError, match="the first condition is 'jpeg': expected 'clean'"):
        score(conditions, ["jpeg"], by_share=False)
