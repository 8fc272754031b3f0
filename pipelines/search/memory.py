"""How far the trials of earlier studies predict those of a new one, and which settings follow.

Only ranks are compared, as in RGPE (Feurer et al. 2018, "Scalable meta-learning for Bayesian
optimization using ranking-weighted Gaussian process ensembles"): scores of two data sets differ,
but the order of two settings is often the same. An earlier study predicts the score of any setting
by a kernel mean of its trials. It is weighted by the pairs of new trials that it orders as they
were observed, each at the last rung that both have reached, so that early scores are never compared
with late ones. Departures from RGPE: a kernel mean in place of Gaussian processes, pairs weighted
by their predicted difference in place of samples from a posterior, and a prior in favour of the
earlier study, because its best settings are tried first. As there, the new trials predict too.

Shapes: T trials, D tuned settings, R rungs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config.search_space import Range, SearchSpace

Matrix = NDArray[np.float64]
RUNGS = 6  # the last is the whole training; each other is half as long as the next
WIDTH = 0.15  # of the kernel, as a share of a setting's range
FAR = 0.05  # weight of the mean of all trials: far from them, nothing is predicted
NEIGHBOURS, STEP = 10, 0.05  # of each earlier trial, and their deviation from it
SAME = 0.03  # settings that are nearer to each other count as tried
PRIOR = 0.5  # weight of the prior agreement: a pair half a standard deviation apart
SHARE = 0.5  # of the trials with earlier settings, times the weight of the best earlier study
MAX_PROPOSED = 5  # trials with earlier settings; the sampler uses their scores as well
MAX_EVIDENCE = 200  # trials, the latest: the pairs grow with their square


@dataclass(frozen=True)
class Trial:
    """A trial's tuned settings, and its best `val/iou` up to each rung that it has reached."""

    parameters: Mapping[str, float]
    scores: tuple[float, ...]


def scores_at_rungs(values: Mapping[int, float], epochs: int) -> tuple[float, ...]:
    """Return the best value up to each rung that a trial has reached.

    Args:
        values: The value of each epoch, from 1.
        epochs: The length of the whole training.

    Example:
        >>> scores_at_rungs({1: 0.1, 2: 0.3, 3: 0.2, 4: 0.4}, epochs=8)
        (0.1, 0.1, 0.1, 0.3, 0.4)
    """
    ends = [max(1, round(epochs / 2**halvings)) for halvings in reversed(range(RUNGS))]
    reached = max(values, default=0)
    return tuple(
        max(value for epoch, value in values.items() if epoch <= end)
        for end in ends
        if min(values, default=1) <= end <= reached
    )


class EarlierStudy:
    """The trials of one earlier study, as predictions of the order of others.

    Args:
        name: The study's name.
        trials: Its trials with at least one score.
        space: The new search's space; it contains the trials.
    """

    def __init__(self, name: str, trials: Sequence[Trial], space: SearchSpace) -> None:
        self.name = name
        self.trials = tuple(trials)
        self._points = points(trials, space)
        self._scores = score_table(trials)

    def predicted(self, wanted: Matrix, rung: int) -> Matrix:
        """Return the predicted scores of settings (T, D) at a rung in standard deviations, (T,).

        The mean of the study's trials that have reached the rung is 0, and so is the prediction
        far away from them.
        """
        reached = ~np.isnan(self._scores[:, rung])
        known = self._scores[reached, rung]
        spread = known.std() if known.size else 0.0
        if spread == 0:
            return np.zeros(len(wanted))
        distances = _distances(wanted, self._points[reached])
        weights = np.exp(-0.5 * (distances / WIDTH) ** 2)
        means = weights @ (known - known.mean()) / (weights.sum(axis=1) + FAR)
        return np.asarray(means / spread)

    def agreement(self, new: Matrix, scores: Matrix) -> float:
        """Return how far this study's predictions order new trials as they were observed.

        Args:
            new: The settings of the new trials, (T, D).
            scores: Their scores, (T, R); NaN at rungs that were not reached.

        Returns:
            The pairs in the predicted order less the others, each weighted by the predicted
            difference, and divided by the sum of the weights: from -1 to 1; 1 without a pair.
        """
        last = (~np.isnan(scores)).sum(axis=1) - 1
        both = np.minimum(last[:, None], last[None, :])
        both[np.tril_indices(len(new))] = -1  # each pair once
        agreed = total = PRIOR
        for rung in range(RUNGS):
            rows, columns = np.nonzero(both == rung)
            predicted = self.predicted(new, rung)
            differences = predicted[rows] - predicted[columns]
            observed = np.sign(scores[rows, rung] - scores[columns, rung])
            agreed += float(differences @ observed)
            total += float(np.abs(differences) @ np.abs(observed))
        return agreed / total


class SearchMemory:
    """Earlier studies, and the settings that follow from them for a new search.

    Args:
        studies: The earlier studies.
        space: The new search's space.
    """

    def __init__(self, studies: Sequence[EarlierStudy], space: SearchSpace) -> None:
        self.studies = tuple(studies)
        self.space = space

    def weights(self, trials: Sequence[Trial]) -> dict[str, float]:
        """Return the weight of each study, from 0 to 1, by its agreement with new trials."""
        latest = [each for each in trials if each.scores][-MAX_EVIDENCE:]
        new, scores = points(latest, self.space), score_table(latest)
        return {each.name: max(0.0, each.agreement(new, scores)) for each in self.studies}

    def next_point(
        self, trials: Sequence[Trial], proposed: int, batch_sizes: Iterable[int]
    ) -> dict[str, Any] | None:
        """Return the settings of the next trial, or None if the sampler is to choose it.

        The sampler chooses the first trial: without it, nothing can be judged.

        Args:
            trials: The trials that were started so far.
            proposed: How many of them had earlier settings.
            batch_sizes: The allowed ones.
        """
        weights = self.weights(trials)
        trust = max(weights.values(), default=0.0)
        if proposed >= min(MAX_PROPOSED, SHARE * trust * len(trials)):
            return None
        return self.propose(trials, weights, batch_sizes)

    def propose(
        self,
        trials: Sequence[Trial],
        weights: Mapping[str, float],
        batch_sizes: Iterable[int],
    ) -> dict[str, Any] | None:
        """Return the best of the earlier settings and of settings near them, not tried yet.

        The best has the largest sum of the predictions of the earlier studies, by their weights,
        and of the new trials.

        Args:
            trials: The trials that were started so far.
            weights: Those of the studies.
            batch_sizes: The allowed ones.

        Returns:
            A value for each tuned setting, the same for the same arguments; None if nothing is
            left that should be better than the mean.
        """
        allowed = set(batch_sizes)
        candidates = [
            trial
            for study in self.studies
            if weights[study.name] > 0
            for trial in study.trials
            if len(trial.scores) == RUNGS and trial.parameters["batch_size"] in allowed
        ]
        if not candidates:
            return None
        wanted = self._with_neighbours(points(candidates, self.space), len(trials))
        new = EarlierStudy("", [each for each in trials if each.scores], self.space)
        merits = new.predicted(wanted, RUNGS - 1)
        for each in self.studies:
            merits = merits + weights[each.name] * each.predicted(wanted, RUNGS - 1)
        tried = _distances(wanted, points(trials, self.space)).min(axis=1, initial=np.inf) < SAME
        merits[tried] = -np.inf
        best = int(merits.argmax())
        if merits[best] <= 0:
            return None
        if best < len(candidates):
            return dict(candidates[best].parameters)
        return settings_at(wanted[best], self.space)

    def _with_neighbours(self, known: Matrix, seed: int) -> Matrix:
        """Return points (T, D), then NEIGHBOURS of each: with other values in every range."""
        ranges = [isinstance(each, Range) for each in self.space.tuned().values()]
        near = np.repeat(known, NEIGHBOURS, axis=0)
        steps = STEP * np.random.default_rng(seed).standard_normal(near.shape) * ranges
        return np.concatenate([known, np.clip(near + steps, 0, 1)])


def points(trials: Sequence[Trial], space: SearchSpace) -> Matrix:
    """Return the settings of trials on axes from 0 to 1, shape (T, D)."""
    axes = []
    for key, each in space.tuned().items():
        values = np.array([trial.parameters[key] for trial in trials], dtype=np.float64)
        if not isinstance(each, Range):  # in the order of their values
            order = sorted(each.choices)
            axes.append(np.searchsorted(order, values) / max(1, len(order) - 1))
        elif each.log:
            axes.append(np.log(values / each.low) / np.log(each.high / each.low))
        else:
            axes.append((values - each.low) / (each.high - each.low))
    return np.stack(axes, axis=1)


def settings_at(point: Matrix, space: SearchSpace) -> dict[str, Any]:
    """Return the settings of one point (D,) on the axes of `points`."""
    found: dict[str, Any] = {}
    for value, (key, each) in zip(point.tolist(), space.tuned().items(), strict=True):
        if not isinstance(each, Range):
            found[key] = sorted(each.choices)[round(value * (len(each.choices) - 1))]
            continue
        wide = each.high / each.low if each.log else each.high - each.low
        real = each.low * wide**value if each.log else each.low + wide * value
        found[key] = min(max(real, each.low), each.high)
    return found


def score_table(trials: Sequence[Trial]) -> Matrix:
    """Return the scores of trials, shape (T, R); NaN at rungs that were not reached."""
    table = np.full((len(trials), RUNGS), np.nan)
    for row, trial in enumerate(trials):
        table[row, : len(trial.scores)] = trial.scores
    return table


def _distances(first: Matrix, second: Matrix) -> Matrix:
    return np.asarray(np.linalg.norm(first[:, None, :] - second[None, :, :], axis=2))
