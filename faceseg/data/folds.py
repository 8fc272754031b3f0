"""Folds for cross-validation, in which images of one photograph or person stay together."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def assign_folds(groups: Sequence[Hashable], folds: int, seed: int) -> NDArray[np.intp]:
    """Distribute images over folds of nearly equal size; a group is in one fold.

    Groups are taken in a random order, larger ones first, and each joins the smallest fold.

    Args:
        groups: The group of each of N images, such as `Split.photos`.
        folds: The number of folds, 2 or more.
        seed: The seed of the order.

    Returns:
        The fold of each image, 0 to folds - 1, shape (N,).

    Raises:
        ValueError: There are fewer groups than folds, or fewer than 2 folds.

    Example:
        >>> assign_folds(["a", "a", "b"], folds=2, seed=0)
        array([0, 0, 1])
    """
    names, group_of, sizes = np.unique(
        [str(each) for each in groups], return_inverse=True, return_counts=True
    )
    if not 2 <= folds <= len(names):
        raise ValueError(
            f"{len(names)} groups in {folds} folds: expected from 2 folds to one for each group"
        )
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    counts = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.intp)
    for group in order:
        fold = int(np.argmin(counts))
        fold_of[group] = fold
        counts[fold] += sizes[group]
    return np.asarray(fold_of[group_of])
