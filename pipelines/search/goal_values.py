"""The values of a search's goals, as Optuna's database contains them with each trial."""

import math
import warnings
from collections.abc import Iterable, Mapping

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipelines.config.goals import Goals

# Attributes of trials. They are stored in Optuna's database: do not rename them.
COSTS = "costs"  # the goals that are known before the training ends
GOALS = "goals"  # all goals, at the trial's end
# Optuna's samplers read a trial's constraints under this prefix; `Trial.set_constraint` is for
# trials that run in the same process.
CONSTRAINT = "constraints:"
PRUNED = "pruned"  # the constraint of a pruned trial


def name_values(study: optuna.Study, goals: Goals) -> None:
    """Store the names of the goals with the study, for the axes of Optuna's own figures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([each.name for each in goals.objectives])


def score(trial: FrozenTrial) -> float:
    """Return the best `val/iou` of a complete trial: the first value, whatever the goals are."""
    return float(trial.values[0])


def within_bounds(trials: Iterable[FrozenTrial], goals: Goals | None) -> list[FrozenTrial]:
    """Return the complete trials among `trials` whose values keep to the bounds."""
    return [
        trial
        for trial in trials
        if goals is None or goals.are_kept(trial.user_attrs.get(GOALS, {}))
    ]


def store_end(
    study: optuna.Study,
    trial: FrozenTrial,
    goals: Goals,
    state: TrialState,
    values: Mapping[str, float],
) -> list[float] | None:
    """Store the goals of a trial that ends, and its constraints for Optuna's samplers.

    Optuna's samplers cannot order pruned trials by several values. A pruned trial therefore has a
    constraint that it violates, the less the later it was pruned: it counts as worse than complete
    trials, as in a search with one goal.

    Args:
        study: The search.
        trial: The trial, which runs.
        goals: The search's goals.
        state: The state it ends in.
        values: The values of its goals, as far as they are known.

    Returns:
        The values to end it with; None unless it is complete.
    """
    if state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    storage, trial_id = study._storage, trial._trial_id
    known = {**trial.user_attrs.get(COSTS, {}), **values}
    constraints = goals.violations(known)
    if state == TrialState.PRUNED:
        constraints[PRUNED] = 1 / (1 + len(trial.intermediate_values))
    for name, violation in constraints.items():
        storage.set_trial_system_attr(trial_id, f"{CONSTRAINT}{name}", violation)
    storage.set_trial_user_attr(trial_id, GOALS, known)
    if state == TrialState.PRUNED:
        return None
    return [
        -loss if goal.direction == "maximize" else loss
        for goal, loss in zip(goals.objectives, goals.losses(known), strict=True)
    ]


def bounds_message(trials: Iterable[FrozenTrial], goals: Goals | None) -> str:
    """Return why the bounds leave no winner among ended trials; '' if they are not the reason.

    A trial whose network is beyond a bound is pruned, so pruned trials count too.
    """
    known = [trial for trial in trials if GOALS in trial.user_attrs]
    if goals is None or not known or within_bounds(known, goals):
        return ""
    nearest = min(known, key=lambda trial: sum(goals.violations(trial.user_attrs[GOALS]).values()))
    found = nearest.user_attrs[GOALS]
    values = ", ".join(f"{each.name} {found.get(each.name, math.nan):g}" for each in goals.bounds)
    return (
        f"no trial keeps to {', '.join(map(str, goals.bounds))}; the nearest has {values}. "
        "Change the bound or search.space"
    )
