"""What mattered in the search: read off MLflow's trials, with no Optuna database.

Importance is PED-ANOVA's: how much a setting's distribution among the best tenth of the trials
differs from that among all of them. It needs no forest, and the same trials give the same.
Source: Watanabe et al. 2023.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.compare.formatting import format_number, join_words
from pipelines.compare.study_data.study_results import (
    ComparedModel,
    StudyResults,
    TrialRun,
    numeric_params,
)
from pipelines.config.search_space import Choices, Range, SearchSpace

MIN_TRIALS = 10  # completed trials: of fewer, the best tenth is one trial
EDGE = 0.05  # of the range, on its own scale


@dataclass(frozen=True)
class TunedSetting:
    """A tuned setting: the winner's value, its range, and its importance (NaN: not known).

    `edge` is 'lowest' or 'highest' where the winner sits at that end of the range.
    """

    name: str
    chosen: float
    low: float
    high: float
    importance: float
    edge: str


@dataclass(frozen=True)
class SearchSummary:
    """One architecture's search. `growth` is the best validation IoU after each trial."""

    name: str
    trials: tuple[TrialRun, ...]
    settings: tuple[TunedSetting, ...]
    best_so_far: tuple[float, ...]
    has_importances: bool

    @property
    def note(self) -> str:
        """Why there are no importances, and which ranges to widen; '' if there is nothing."""
        told = []
        if not self.has_importances:
            complete = len(completed_trials(self.trials))
            told.append(
                f"importances need {MIN_TRIALS} completed trials or more, and here are {complete}"
            )
        if edges := [each for each in self.settings if each.edge]:
            named = [
                f"{each.name} {format_number(each.chosen)} is at the {each.edge} end of its range "
                f"({format_number(each.low)} to {format_number(each.high)})"
                for each in edges
            ]
            told.append(f"{join_words(named)}: widen {'it' if len(edges) == 1 else 'them'}")
        return "; ".join(told)


def summarise_searches(record: StudyResults) -> list[SearchSummary]:
    """Return the search of each architecture; variants have none of their own."""
    space = record.settings.search.space
    return [_summarise_search(each, space) for each in record.architectures if each.trials]


def completed_trials(trials: Sequence[TrialRun]) -> list[TrialRun]:
    """Return the trials that ran to their end and have a value."""
    return [each for each in trials if each.state == "complete" and math.isfinite(each.value)]


def best_so_far(trials: Sequence[TrialRun]) -> tuple[float, ...]:
    """Return the best value so far after each trial that ended; pruned ones count."""
    best, found = math.nan, []
    for trial in trials:
        if math.isfinite(trial.value):
            best = trial.value if math.isnan(best) else max(best, trial.value)
        found.append(best)
    return tuple(found)


def range_edge(value: float, tuned: Range | Choices) -> str:
    """Say at which end of its range a value lies: 'lowest', 'highest' or ''."""
    if isinstance(tuned, Choices):
        given = sorted(tuned.choices)
        if len(given) < 3:  # of two choices each is an end
            return ""
        return {given[0]: "lowest", given[-1]: "highest"}.get(int(value), "")
    scale = math.log if tuned.log else float
    low, high = scale(tuned.low), scale(tuned.high)
    place = (scale(value) - low) / (high - low)
    return "lowest" if place <= EDGE else "highest" if place >= 1 - EDGE else ""


def importances(trials: Sequence[TrialRun], space: SearchSpace) -> dict[str, float]:
    """Return each tuned setting's share of what mattered; {} of too few completed trials."""
    import optuna

    done, wanted = completed_trials(trials), space.distributions()
    varied = {
        name: each for name, each in wanted.items() if all(name in trial.settings for trial in done)
    }
    if len(done) < MIN_TRIALS or not varied:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # not a line for each study in memory
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: _value(trial, name, space) for name in varied},
                distributions=varied,
                value=trial.value,
            )
            for trial in done
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def _value(trial: TrialRun, name: str, space: SearchSpace) -> float:
    value = trial.settings[name]
    return int(value) if isinstance(space.tuned()[name], Choices) else value


def _summarise_search(contender: ComparedModel, space: SearchSpace) -> SearchSummary:
    shares = importances(contender.trials, space)
    chosen = numeric_params(contender.finals[0].params)
    settings = [
        TunedSetting(
            name,
            chosen[name],
            float(min(each.bounds())),
            float(max(each.bounds())),
            shares.get(name, math.nan),
            range_edge(chosen[name], each),
        )
        for name, each in space.tuned().items()
        if name in chosen
    ]
    return SearchSummary(
        contender.name,
        contender.trials,
        tuple(settings),
        best_so_far(contender.trials),
        bool(shares),
    )
