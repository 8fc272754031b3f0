"""The Pareto front of each search with several goals, read from its trials' runs in MLflow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from faceseg.statistics.fronts import front_ranks, knee
from pipelines.compare.formatting import format_count, format_score, join_words
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy, TrialRun
from pipelines.config.goals import COSTS, GOAL_PREFIX, SCORE, Goals

NEAR = 0.01  # of val/iou: a cheaper network this near the best may be the one to use
FRONT_RANK = "search/front_rank"  # the metric of a trial's run


@dataclass(frozen=True, kw_only=True)
class SearchFront:
    """The complete trials of one search that keep to its bounds, with their ranks.

    Attributes:
        name: The architecture.
        trials: The trials, by number.
        values: The value of each goal, one row for each trial, in the order of `goals`.
        ranks: 0 for the trials of the front.
        knee: The number of the front's knee; None if it has none.
        near: The number of the cheapest trial whose `val/iou` is within `NEAR` of the best; None
            if no goal is a cost.
    """

    name: str
    goals: Goals
    trials: tuple[TrialRun, ...]
    values: tuple[tuple[float, ...], ...]
    ranks: tuple[int, ...]
    knee: int | None
    near: int | None

    @property
    def front(self) -> list[int]:
        """The positions of the front's trials, the best `val/iou` first."""
        first = [index for index, rank in enumerate(self.ranks) if rank == 0]
        return sorted(first, key=lambda index: -self.values[index][0])


def search_fronts(study: ComparedStudy) -> list[SearchFront]:
    """Return the front of each architecture's search; none if it has a single goal."""
    goals = study.settings.search.parsed_goals
    if goals is None or len(goals.objectives) < 2:
        return []
    found = [_front(model, goals) for model in study.architectures]
    return [each for each in found if each.trials]


def _front(model: ComparedModel, goals: Goals) -> SearchFront:
    complete = [(trial, _values(trial)) for trial in model.trials if trial.state == "complete"]
    kept = [(trial, values) for trial, values in complete if goals.are_kept(values)]
    trials = tuple(trial for trial, _ in kept)
    losses = np.array([goals.losses(values) for _, values in kept], float)
    values = tuple(
        tuple(each.get(goal.name, math.nan) for goal in goals.objectives) for _, each in kept
    )
    ranks = front_ranks(losses) if kept else np.empty(0, np.int64)
    first = np.flatnonzero(ranks == 0)
    bend = knee(losses[first]) if len(first) else None
    return SearchFront(
        name=model.name,
        goals=goals,
        trials=trials,
        values=values,
        ranks=tuple(int(rank) for rank in ranks),
        knee=None if bend is None else trials[int(first[bend])].number,
        near=_cheapest_near_best(goals, trials, values),
    )


def _values(trial: TrialRun) -> dict[str, float]:
    """Return the values of the goals by which the search ordered the trial.

    Other metrics have one value for each epoch; these are those of the best epoch.
    """
    goals = {
        name.removeprefix(GOAL_PREFIX): value
        for name, value in trial.metrics.items()
        if name.startswith(GOAL_PREFIX)
    }
    return {**goals, SCORE: trial.value}


def _cheapest_near_best(
    goals: Goals, trials: Sequence[TrialRun], values: Sequence[tuple[float, ...]]
) -> int | None:
    costs = [index for index, goal in enumerate(goals.objectives) if goal.name in COSTS]
    if not costs or not trials:
        return None
    best = max(row[0] for row in values)
    near = [index for index, row in enumerate(values) if row[0] >= best - NEAR]
    return trials[min(near, key=lambda index: (values[index][costs[0]], -values[index][0]))].number


def front_table(fronts: Sequence[SearchFront]) -> pd.DataFrame:
    """Return the trials of all fronts, one row each: rank and goals."""
    rows = []
    for front in fronts:
        names = [goal.name for goal in front.goals.objectives]
        for trial, values, rank in zip(front.trials, front.values, front.ranks, strict=True):
            rows.append(
                {
                    "architecture": front.name,
                    "trial": trial.number,
                    "run": trial.run_id,
                    "rank": rank,
                    **dict(zip(names, values, strict=True)),
                    **{each.name: _values(trial).get(each.name) for each in front.goals.bounds},
                    "knee": trial.number == front.knee,
                    "cheapest_near_best": trial.number == front.near,
                }
            )
    return pd.DataFrame(rows)


def front_sentences(fronts: Sequence[SearchFront]) -> list[str]:
    """Return a sentence on each front: its size, its ends, its knee and the cheapest near the best.

    The scores are those of single trials on the validation images.
    """
    sentences = []
    for front in fronts:
        names = join_words([goal.name for goal in front.goals.objectives])
        count = len(front.front)
        texts = [f"{front.name}: {count} of {len(front.trials)} trials are on the front of {names}"]
        texts.append(f"the best {SCORE} is that of {_trial(front, front.front[0])}")
        numbers = [trial.number for trial in front.trials]
        if front.near is not None:
            near = numbers.index(front.near)
            texts.append(f"the cheapest within {NEAR:g} of it is {_trial(front, near)}")
        if front.knee is not None:
            texts.append(f"the knee is {_trial(front, numbers.index(front.knee))}")
        sentences.append("; ".join(texts) + ".")
    return sentences


def _trial(front: SearchFront, index: int) -> str:
    values = ", ".join(
        f"{goal.name} {format_count(value) if goal.name in COSTS else format_score(value)}"
        for goal, value in zip(front.goals.objectives, front.values[index], strict=True)
    )
    return f"trial {front.trials[index].number} ({values})"
