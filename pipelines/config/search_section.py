"""The section `search`: how many trials, which sampler and pruner, what goals."""

from typing import Literal, Self

from pydantic import Field, model_validator

from faceseg.training.settings import MAX_EPOCHS
from pipelines.config.bounds import MAX_TRIALS
from pipelines.config.costs import Budget
from pipelines.config.goals import Goals, parse_goals
from pipelines.config.search_space import SearchSpace
from pipelines.config.section import Section, is_none


class Search(Section):
    """The search of each architecture: its space, number of trials, sampler and pruner.

    Attributes:
        trials: Number of trials of each architecture.
        goals: What else than `val/iou` the search improves or bounds; none: `val/iou` alone.
        sampler: Optuna's TPE, random sampler, or (with goals) NSGA-III, whose generations have
            `random_trials` trials.
        pruner: `hyperband`, `halving` (successive halving) or `none`.
        reduction_factor: The share 1 / N of the trials continues at each rung of the pruner.
        warm_start: The search tries the best settings of earlier studies of the same MLflow store
            and Optuna database, as long as their trials are ordered as its own. A study's name, an
            experiment's (all of its studies) or `auto` (all studies). Used are those with the same
            options of the architecture and the same tuned settings.
    """

    trials: int = Field(20, ge=1, le=MAX_TRIALS)
    space: SearchSpace = SearchSpace()
    first: tuple[dict[str, float], ...] = Field(
        (), max_length=1000, description="settings of the first trials"
    )
    goals: tuple[str, ...] = Field(
        (),
        max_length=8,
        description="values with their directions or bounds: NAME, maximize NAME, minimize NAME, "
        "NAME <= NUMBER, NAME >= NUMBER",
        exclude_if=lambda value: not value,
    )
    sampler: Literal["tpe", "random", "nsga3"] = "tpe"
    random_trials: int = Field(
        5, ge=0, le=MAX_TRIALS, description="random trials before the sampler is used"
    )
    pruner: Literal["hyperband", "halving", "none"] = "hyperband"
    grace_epochs: int = Field(
        3, ge=1, le=MAX_EPOCHS, description="no trial is pruned before this epoch"
    )
    reduction_factor: int = Field(3, ge=2, le=1000)
    budget: Budget | None = Field(
        None,
        description="what the study may cost; divided equally among the architectures",
        exclude_if=is_none,
    )
    warm_start: str | None = Field(None, min_length=1, max_length=200, exclude_if=is_none)

    @model_validator(mode="after")
    def _check_goals(self) -> Self:
        goals = self.parsed_goals
        if self.sampler == "nsga3" and (goals is None or len(goals.objectives) < 2):
            raise ValueError(
                "search.sampler: nsga3 requires two goals or more without a bound, such as "
                "search.goals: [val/iou, model/macs]; use tpe or random"
            )
        if self.warm_start and goals is not None and len(goals.objectives) > 1:
            raise ValueError(
                "search.warm_start: earlier trials are compared by val/iou alone; leave it out, or "
                "give search.goals no other goal than val/iou, with bounds in place of the others"
            )
        return self

    @property
    def parsed_goals(self) -> Goals | None:
        """The goals; None if `val/iou` is the only one and has no bounds beside it."""
        return parse_goals(self.goals)
