"""The report's tables of comparisons as cells: what the page and the Markdown both show."""

import math

from faceseg.statistics import Estimate
from pipelines.compare.analysis.claims import JudgedClaim
from pipelines.compare.analysis.comparisons import Comparison, Measurements, PairComparison
from pipelines.compare.analysis.search_importance import SearchSummary, completed_trials
from pipelines.compare.analysis.slices import SliceScores
from pipelines.compare.formatting import (
    DASH,
    MINUS,
    TextTable,
    format_duration,
    format_number,
    format_p_value,
    format_percent,
    format_ratio,
    format_score,
    format_signed,
    format_signed_interval,
)

PAIRS = ("compared", "difference of test IoU, 95 % interval", "Wilcoxon p (Holm)", "effect",
         "verdict")  # fmt: skip
CLAIM = ("claim", "measure", "answer", "figures", "n")
SEARCH = ("network", "trials", "pruned", "failed", "epochs", "training time",
          "best, first half", "best, all")  # fmt: skip
SETTING = ("network", "setting", "winner", "range", "importance", "")


def pair_table(found: list[PairComparison]) -> TextTable:
    """Return a row for every two contenders."""
    return TextTable(PAIRS, [_pair_row(each) for each in found])


def _pair_row(pair: PairComparison) -> list[str]:
    found = pair.comparison
    return [
        f"{found.first} - {found.second}".replace(" - ", " − "),  # noqa: RUF001
        format_difference(found),
        format_p_value(pair.adjusted),
        f"{pair.rank.effect:+.2f}".replace("-", MINUS) if pair.rank.photos else DASH,
        pair.words,
    ]


def pair_notes(found: list[PairComparison]) -> list[str]:
    """Say of how many photographs and seeds the pairs are."""
    if not found:
        return []
    estimate = found[0].comparison.estimate
    return [
        f"{estimate.photos} photographs, resampled alike for all; {seed_noise_text(estimate.seeds)}."
        " The verdict goes by the interval alone. Wilcoxon's test asks of the typical photograph, "
        "and knows nothing of training noise; its effect (rank-biserial) is 1 where the first is "
        "better on every photograph, and -1 where it is on none."
    ]


def claim_table(judged: list[JudgedClaim]) -> TextTable:
    """Return a row a claim."""
    return TextTable(CLAIM, [_claim_row(each) for each in judged])


def _claim_row(judged: JudgedClaim) -> list[str]:
    claim = judged.claim
    if not judged.comparisons:
        return [claim.text, judged.words, judged.answer, judged.reason, DASH]
    first = judged.comparisons[0]
    paired = claim.who not in {each.first for each in judged.comparisons}
    figures = [f"{each.first}: {difference_from(each)}" if paired else difference_from(each)
               for each in judged.comparisons]  # fmt: skip
    more = {"higher": "higher", "lower": "lower", "between": "between two"}[claim.direction]
    words = f"{first.measure.words}: {more}, by more than {format_margin(first)}"
    samples = dict.fromkeys(format_sample_size(each) for each in judged.comparisons)
    return [claim.text, words, judged.answer, "; ".join(figures), "; ".join(samples)]


def slice_table(found: SliceScores, names: list[str]) -> TextTable:
    """Return a row a slice: n, then the IoU and its interval in each contender."""
    rows = [
        [row.name, str(row.images), *(_score_cell(row.by_model[name]) for name in names)]
        for row in found.rows
    ]
    return TextTable(("slice", "images", *names), rows)


def _score_cell(found: Estimate) -> str:
    if math.isnan(found.value):
        return DASH
    if math.isnan(found.fixed_low):
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({found.fixed_low:.3f} to {found.fixed_high:.3f})"


def search_table(found: list[SearchSummary]) -> TextTable:
    """Return a row a search: its budget, and how the best grew."""
    return TextTable(SEARCH, [_search_row(each) for each in found])


def _search_row(found: SearchSummary) -> list[str]:
    states = [trial.state for trial in found.trials]
    half = found.best_so_far[max(0, (len(found.best_so_far) + 1) // 2 - 1)]
    return [
        found.name,
        str(len(states)),
        str(states.count("pruned")),
        str(states.count("failed")),
        str(sum(trial.epochs for trial in found.trials)),
        format_duration(sum(trial.seconds for trial in found.trials)),
        f"{half:.3f}",
        f"{found.best_so_far[-1]:.3f}",
    ]


def setting_table(found: list[SearchSummary]) -> TextTable:
    """Return a row a tuned setting: the winner's value in its range, and what it mattered."""
    rows = [
        [
            each.name,
            setting.name.replace("_", " "),
            format_number(setting.chosen),
            f"{format_number(setting.low)} to {format_number(setting.high)}",
            format_percent(setting.importance),
            f"{setting.edge} end: widen it" if setting.edge else "",
        ]
        for each in found
        for setting in each.settings
    ]
    return TextTable(SETTING, rows)


def importance_notes(found: list[SearchSummary]) -> list[str]:
    """Say where importances are not known, and of how many trials they are."""
    told = []
    for each in found:
        done = len(completed_trials(each.trials))
        if each.has_importances:
            told.append(f"{each.name}: importances (PED-ANOVA) of {done} completed trials.")
        else:
            told.append(f"{each.name}: {each.note.split('; ')[0]}.")
    return told


# --- Comparisons in words and figures: the difference, its 95 % interval, and of how many.


def format_difference(comparison: Comparison) -> str:
    """Return how far the first is above the second, with its interval where one is known."""
    found = comparison.estimate
    if comparison.measure.photos:
        return f"{format_signed(found.value)} ({format_signed_interval(found.low, found.high)})"
    if comparison.measure.exact:
        return format_ratio(found.value)
    if math.isnan(found.low):
        return f"{format_ratio(found.value)} (no interval)"
    return f"{format_ratio(found.value)} ({math.exp(found.low):.3g} to {math.exp(found.high):.3g})"


def format_sample_size(comparison: Comparison) -> str:
    """Return n: photographs and seeds."""
    found = comparison.estimate
    one, other = found.seeds
    seeds = f"{one} seed{'s' if one > 1 else ''}" if one == other else f"{one} and {other} seeds"
    if not comparison.measure.photos:
        alone = min(one, other) < 2 and not comparison.measure.exact
        return f"{seeds}: its spread is not known" if alone else seeds
    return f"{found.photos} photographs, {seeds}"


def seed_noise_text(seeds: tuple[int, ...]) -> str:
    """Say whether an interval holds training noise."""
    if min(seeds) < 2:
        return "one seed: training noise is not in it"
    return "training noise included"


def difference_from(comparison: Comparison) -> str:
    """Return such as '0.031 (0.020 to 0.045) above pspnet'."""
    return f"{format_difference(comparison)} against {comparison.second}"


def format_margin(comparison: Comparison) -> str:
    """Return the margin as it is declared."""
    if comparison.measure.photos:
        return format_score(comparison.margin)
    return f"{100 * comparison.margin:.0f} %"


def score_with_interval(evidence: Measurements, name: str, wanted: str) -> str:
    """Return a contender's figure in a measure on photographs with its interval.

    It is that of these very finals, as in the table: training noise is in differences alone.
    """
    found = evidence.value(name, wanted)
    if found is None or math.isnan(found.value):
        return DASH
    low, high = found.fixed_low, found.fixed_high
    interval = DASH if math.isnan(low) else f"{low:.3f} to {high:.3f}"
    return f"{found.value:.3f} ({interval})"
