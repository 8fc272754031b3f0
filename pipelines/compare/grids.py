"""The report's tables of comparisons as cells: what the page and the Markdown both show."""

import math
from dataclasses import dataclass

from faceseg.statistics import Estimate
from pipelines.compare.claims import Judged
from pipelines.compare.formats import DASH, MINUS, duration, percent, plain, probability
from pipelines.compare.importance import Search, completed
from pipelines.compare.pairs import Pair
from pipelines.compare.slicing import Sliced
from pipelines.compare.wording import against, figure, margin, sample, training_noise

PAIRS = ("compared", "difference of test IoU, 95 % interval", "Wilcoxon p (Holm)", "effect",
         "verdict")  # fmt: skip
CLAIM = ("claim", "measure", "answer", "figures", "n")
SEARCH = ("network", "trials", "pruned", "failed", "epochs", "training time",
          "best, first half", "best, all")  # fmt: skip
SETTING = ("network", "setting", "winner", "range", "importance", "")


@dataclass(frozen=True)
class Grid:
    """A heading and rows of text."""

    headings: tuple[str, ...]
    rows: list[list[str]]


def pair_grid(found: list[Pair]) -> Grid:
    """Return a row for every two contenders."""
    return Grid(PAIRS, [_pair(each) for each in found])


def _pair(pair: Pair) -> list[str]:
    found = pair.comparison
    return [
        f"{found.first} - {found.second}".replace(" - ", " − "),  # noqa: RUF001
        figure(found),
        probability(pair.adjusted),
        f"{pair.rank.effect:+.2f}".replace("-", MINUS) if pair.rank.photos else DASH,
        pair.words,
    ]


def pair_notes(found: list[Pair]) -> list[str]:
    """Say of how many photographs and seeds the pairs are."""
    if not found:
        return []
    estimate = found[0].comparison.estimate
    return [
        f"{estimate.photos} photographs, resampled alike for all; {training_noise(estimate.seeds)}."
        " The verdict goes by the interval alone. Wilcoxon's test asks of the typical photograph, "
        "and knows nothing of training noise; its effect (rank-biserial) is 1 where the first is "
        "better on every photograph, and -1 where it is on none."
    ]


def claim_grid(judged: list[Judged]) -> Grid:
    """Return a row a claim."""
    return Grid(CLAIM, [_claim(each) for each in judged])


def _claim(judged: Judged) -> list[str]:
    claim = judged.claim
    if not judged.comparisons:
        return [claim.text, judged.words, judged.answer, judged.reason, DASH]
    first = judged.comparisons[0]
    paired = claim.who not in {each.first for each in judged.comparisons}
    figures = [f"{each.first}: {against(each)}" if paired else against(each)
               for each in judged.comparisons]  # fmt: skip
    more = {"higher": "higher", "lower": "lower", "between": "between two"}[claim.direction]
    words = f"{first.measure.words}: {more}, by more than {margin(first)}"
    samples = dict.fromkeys(sample(each) for each in judged.comparisons)
    return [claim.text, words, judged.answer, "; ".join(figures), "; ".join(samples)]


def slice_grid(found: Sliced, names: list[str]) -> Grid:
    """Return a row a slice: n, then the IoU and its interval in each contender."""
    rows = [
        [row.name, str(row.images), *(_interval(row.by_contender[name]) for name in names)]
        for row in found.rows
    ]
    return Grid(("slice", "images", *names), rows)


def _interval(found: Estimate) -> str:
    if math.isnan(found.value):
        return DASH
    if math.isnan(found.fixed_low):
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({found.fixed_low:.3f} to {found.fixed_high:.3f})"


def search_grid(found: list[Search]) -> Grid:
    """Return a row a search: its budget, and how the best grew."""
    return Grid(SEARCH, [_search(each) for each in found])


def _search(found: Search) -> list[str]:
    states = [trial.state for trial in found.trials]
    half = found.growth[max(0, (len(found.growth) + 1) // 2 - 1)]
    return [
        found.name,
        str(len(states)),
        str(states.count("pruned")),
        str(states.count("failed")),
        str(sum(trial.epochs for trial in found.trials)),
        duration(sum(trial.seconds for trial in found.trials)),
        f"{half:.3f}",
        f"{found.growth[-1]:.3f}",
    ]


def setting_grid(found: list[Search]) -> Grid:
    """Return a row a tuned setting: the winner's value in its range, and what it mattered."""
    rows = [
        [
            each.name,
            setting.name.replace("_", " "),
            plain(setting.chosen),
            f"{plain(setting.low)} to {plain(setting.high)}",
            percent(setting.importance),
            f"{setting.edge} end: widen it" if setting.edge else "",
        ]
        for each in found
        for setting in each.settings
    ]
    return Grid(SETTING, rows)


def importance_notes(found: list[Search]) -> list[str]:
    """Say where importances are not known, and of how many trials they are."""
    told = []
    for each in found:
        done = len(completed(each.trials))
        if each.known:
            told.append(f"{each.name}: importances (PED-ANOVA) of {done} completed trials.")
        else:
            told.append(f"{each.name}: {each.note.split('; ')[0]}.")
    return told
