"""Folds: every image in one, groups undivided, sizes as equal as the groups allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceseg.data.folds import assign_folds


@given(
    groups=st.lists(st.integers(0, 30), min_size=2, max_size=80),
    folds=st.integers(2, 6),
    seed=st.integers(0, 9),
)
def test_a_group_is_in_one_fold_and_sizes_differ_by_at_most_the_largest_group(
    groups: list[int], folds: int, seed: int
):
    if len(set(groups)) < folds:
        with pytest.raises(ValueError, match="groups in"):
            assign_folds(groups, folds, seed)
        return
    fold_of = assign_folds(groups, folds, seed)
    assert all(len(set(fold_of[np.array(groups) == each])) == 1 for each in groups)
    sizes = np.bincount(fold_of, minlength=folds)
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= max(map(groups.count, groups))


def test_equal_seeds_give_equal_folds_and_others_other_ones():
    groups = [f"photo {number}" for number in range(40)]
    first = assign_folds(groups, 5, seed=1)
    np.testing.assert_array_equal(first, assign_folds(groups, 5, seed=1))
    assert (first != assign_folds(groups, 5, seed=2)).any()


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="2 groups in 1 folds"):
        assign_folds(["a", "b"], 1, seed=0)
