"""What mattered in the search: read off MLflow's trials, with no Optuna database.

Importance is PED-ANOVA's: how much a setting's distribution among the best tenth of the trials
differs from that among all of them. It needs no forest, and the same trials give the same.
Source: Watanabe et al. 2023.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.compare.collect import Contender, Record
from pipelines.compare.formats import listed, plain
from pipelines.compare.trials import Trial, numbers
from pipelines.search.space import Choices, Range, Space

FEWEST = 10  # completed trials: of fewer, the best tenth is one trial
EDGE = 0.05  # of the range, on its own scale


@dataclass(frozen=True)
class Setting:
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
class Search:
    """One architecture's search. `growth` is the best validation IoU after each trial."""

    name: str
    trials: tuple[Trial, ...]
    settings: tuple[Setting, ...]
    growth: tuple[float, ...]
    known: bool

    @property
    def note(self) -> str:
        """Why there are no importances, and which ranges to widen; '' if there is nothing."""
        told = []
        if not self.known:
            complete = len(completed(self.trials))
            told.append(
                f"importances need {FEWEST} completed trials or more, and here are {complete}"
            )
        if edges := [each for each in self.settings if each.edge]:
            named = [
                f"{each.name} {plain(each.chosen)} is at the {each.edge} end of its range "
                f"({plain(each.low)} to {plain(each.high)})"
                for each in edges
            ]
            told.append(f"{listed(named)}: widen {'it' if len(edges) == 1 else 'them'}")
        return "; ".join(told)


def searches(record: Record) -> list[Search]:
    """Return the search of each architecture; variants have none of their own."""
    space = record.settings.search.space
    return [_search(each, space) for each in record.architectures if each.trials]


def completed(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that ran to their end and have a value."""
    return [each for each in trials if each.state == "complete" and math.isfinite(each.value)]


def growth(trials: Sequence[Trial]) -> tuple[float, ...]:
    """Return the best value so far after each trial that ended; pruned ones count."""
    best, found = math.nan, []
    for trial in trials:
        if math.isfinite(trial.value):
            best = trial.value if math.isnan(best) else max(best, trial.value)
        found.append(best)
    return tuple(found)


def edge_of(value: float, tuned: Range | Choices) -> str:
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


def importances(trials: Sequence[Trial], space: Space) -> dict[str, float]:
    """Return each tuned setting's share of what mattered; {} of too few completed trials."""
    import optuna

    done, wanted = completed(trials), space.distributions()
    varied = {
        name: each for name, each in wanted.items() if all(name in trial.settings for trial in done)
    }
    if len(done) < FEWEST or not varied:
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


def _value(trial: Trial, name: str, space: Space) -> float:
    value = trial.settings[name]
    return int(value) if isinstance(space.tuned()[name], Choices) else value


def _search(contender: Contender, space: Space) -> Search:
    shares = importances(contender.trials, space)
    chosen = numbers(contender.finals[0].params)
    settings = [
        Setting(
            name,
            chosen[name],
            float(min(each.ends())),
            float(max(each.ends())),
            shares.get(name, math.nan),
            edge_of(chosen[name], each),
        )
        for name, each in space.tuned().items()
        if name in chosen
    ]
    return Search(
        contender.name,
        contender.trials,
        tuple(settings),
        growth(contender.trials),
        bool(shares),
    )
