"""The Pareto front of points with several losses: ranks, crowding and the knee.

Shapes: N points, G goals. Every goal is a loss: smaller is better. No value is NaN.
Sources: Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II" (ranks and
crowding distance); Branke et al. 2004, "Finding knees in multi-objective optimization".
"""

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]


def front_ranks(losses: Losses) -> NDArray[np.int64]:
    """Return the rank of each point: 0 on the front, 1 on the front of the others, and so on.

    A point dominates another one if it is at least as good in every goal and better in one. Equal
    points have the same rank.

    Args:
        losses: Shape (N, G).

    Returns:
        Shape (N,).
    """
    no_worse = np.all(losses[:, None] <= losses[None], axis=2)
    dominates = no_worse & ~no_worse.T
    ranks = np.full(len(losses), -1)
    rank = 0
    while (left := ranks < 0).any():
        dominated = dominates[left].any(axis=0)
        ranks[left & ~dominated] = rank
        rank += 1
    return ranks


def crowding_distances(losses: Losses) -> NDArray[np.float64]:
    """Return how far each point of one front is from its neighbours: infinite at its ends.

    Args:
        losses: Points of one rank, shape (N, G).

    Returns:
        Shape (N,): the sum over goals of the distance between the two neighbours, as a share of the
        goal's range. Equal values of a goal share their place in its order.
    """
    distances = np.zeros(len(losses))
    for values in losses.T:
        low, high = float(values.min()), float(values.max())
        if low == high:
            continue
        for index, value in enumerate(values):
            if value in (low, high):
                distances[index] = np.inf
            else:
                below, above = values[values < value].max(), values[values > value].min()
                distances[index] += (above - below) / (high - low)
    return distances


def knee(losses: Losses) -> int | None:
    """Return the index of the knee of a front: where giving up one goal gains little in another.

    It is the point that is farthest below the plane through the ends of the front, every goal
    divided by its range. None if no point is below it, as on a front of two points.
    """
    if len(losses) < 3:
        return None
    # The plane through the unit points is sum(x) = 1: a front of two goals has its ends there.
    depth = 1 - scaled_losses(losses).sum(axis=1)
    deepest = int(depth.argmax())
    return deepest if depth[deepest] > 0 else None


def scaled_losses(losses: Losses) -> Losses:
    """Return the losses with every goal from 0 to 1; a goal with one value is 0."""
    low = losses.min(axis=0)
    width = losses.max(axis=0) - low
    scaled: Losses = (losses - low) / np.where(width > 0, width, 1.0)
    return scaled
