"""Which settings mattered in the search, computed from the trials in MLflow (not from Optuna's).

Importance is computed with PED-ANOVA: how much the distribution of a setting among the best
tenth of the trials differs from its distribution among all of them. Unlike methods based on
random forests it is deterministic.
Source: Watanabe et al. 2023.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.compare.study_data.study_results import (
    ComparedModel,
    ComparedStudy,
    TrialRun,
    numeric_params,
)
from pipelines.config.search_space import Choices, Factors, Range, SearchSpace

MIN_TRIALS = 10  # complete trials; with fewer, the best tenth would be less than one trial
EDGE = 0.05  # share of the range, on the range's own scale, that counts as its end


@dataclass(frozen=True, kw_only=True)
class TunedSetting:
    """A tuned setting: the winner's value, the range, and the importance (NaN if unknown).

    `edge` is 'lowest' or 'highest' if the winner's value is at that end of the range, else ''.
    """

    name: str
    chosen: float
    low: float
    high: float
    importance: float
    edge: str


@dataclass(frozen=True, kw_only=True)
class SearchSummary:
    """The search of one architecture.

    `best_so_far` is the best validation IoU after each trial.
    """

    name: str
    trials: tuple[TrialRun, ...]
    settings: tuple[TunedSetting, ...]
    best_so_far: tuple[float, ...]
    has_importances: bool

    @property
    def missing_importances(self) -> str:
        """The reason why there are no importances; '' if there are."""
        if self.has_importances:
            return ""
        complete = len(completed_trials(self.trials))
        return f"importances need at least {MIN_TRIALS} complete trials; there are {complete}"


def summarise_searches(study: ComparedStudy) -> list[SearchSummary]:
    """Return the search of each architecture; variants have no search of their own."""
    space = study.settings.search.space
    return [_summarise_search(model, space) for model in study.architectures if model.trials]


def completed_trials(trials: Sequence[TrialRun]) -> list[TrialRun]:
    """Return the trials that ran to their end and have a value."""
    return [trial for trial in trials if trial.state == "complete" and math.isfinite(trial.value)]


def best_so_far(trials: Sequence[TrialRun]) -> tuple[float, ...]:
    """Return the best value after each trial, including pruned trials; NaN before the first."""
    best, values = math.nan, []
    for trial in trials:
        if math.isfinite(trial.value):
            best = trial.value if math.isnan(best) else max(best, trial.value)
        values.append(best)
    return tuple(values)


def range_edge(value: float, tuned: Range | Choices | Factors) -> str:
    """Return the end of its range at which a value is: 'lowest', 'highest' or ''."""
    if isinstance(tuned, Choices | Factors):
        choices = sorted(tuned.bounds())
        if len(choices) < 3:  # each of two choices is an end
            return ""
        return {choices[0]: "lowest", choices[-1]: "highest"}.get(value, "")
    scale = math.log if tuned.log else float
    low, high = scale(tuned.low), scale(tuned.high)
    position = (scale(value) - low) / (high - low)
    return "lowest" if position <= EDGE else "highest" if position >= 1 - EDGE else ""


def importances(trials: Sequence[TrialRun], space: SearchSpace) -> dict[str, float]:
    """Compute the importance of each tuned setting.

    Args:
        trials: The trials of one search.
        space: The search space.

    Returns:
        The importances by setting, which sum to 1; {} with fewer than `MIN_TRIALS` complete
        trials.
    """
    import optuna

    complete, distributions = completed_trials(trials), space.distributions()
    varied = {
        name: distribution
        for name, distribution in distributions.items()
        if all(name in trial.settings for trial in complete)
    }
    if len(complete) < MIN_TRIALS or not varied:
        return {}
    # Without this Optuna logs a line for each study that is created in memory.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: _value(trial, name, space) for name in varied},
                distributions=varied,
                value=trial.value,
            )
            for trial in complete
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


def _value(trial: TrialRun, name: str, space: SearchSpace) -> float:
    value = trial.settings[name]
    return int(value) if isinstance(space.tuned()[name], Choices) else value


def _summarise_search(model: ComparedModel, space: SearchSpace) -> SearchSummary:
    shares = importances(model.trials, space)
    chosen = numeric_params(model.finals[0].params)
    settings = [
        TunedSetting(
            name=name,
            chosen=chosen[name],
            low=float(min(tuned.bounds())),
            high=float(max(tuned.bounds())),
            importance=shares.get(name, math.nan),
            edge=range_edge(chosen[name], tuned),
        )
        for name, tuned in space.tuned().items()
        if name in chosen
    ]
    return SearchSummary(
        name=model.name,
        trials=model.trials,
        settings=tuple(settings),
        best_so_far=best_so_far(model.trials),
        has_importances=bool(shares),
    )
