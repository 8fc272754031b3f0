"""The text of comparisons: table cells, differences with intervals, sample sizes, notes.

The HTML page and the Markdown report contain the same cells.
"""

import math
from collections.abc import Sequence
from itertools import groupby

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
    join_words,
)

PAIRS = ("pair", "difference in test IoU (95 % interval)", "Wilcoxon p (Holm)", "effect size",
         "verdict")  # fmt: skip
CLAIM = ("claim", "measure", "verdict", "figures", "n")
SEARCH = ("network", "trials", "pruned", "failed", "epochs", "training time",
          "best after half", "best after all")  # fmt: skip
SETTING = ("network", "setting", "winner", "range", "importance", "note")
MAX_PAIRS_LISTED = 6  # in the summary: those of four models


def pair_table(pairs: list[PairComparison]) -> TextTable:
    """Return a table with one row for every two models."""
    return TextTable(PAIRS, [_pair_row(pair) for pair in pairs]).without_empty_columns()


def _pair_row(pair: PairComparison) -> list[str]:
    comparison = pair.comparison
    return [
        f"{comparison.first} {MINUS} {comparison.second}",
        format_difference(comparison),
        format_p_value(pair.adjusted),
        f"{pair.rank.effect:+.2f}".replace("-", MINUS) if pair.rank.photos else DASH,
        pair.words,
    ]


def pair_notes(pairs: list[PairComparison]) -> list[str]:
    """Return the notes below the table of pairs; none without pairs."""
    if not pairs:
        return []
    estimate = pairs[0].comparison.estimate
    noise = seed_noise_text([pair.comparison for pair in pairs])
    return [
        f"Intervals are computed from {estimate.photos} photographs, resampled alike for all "
        f"networks; {noise}. Only the interval decides the verdict. "
        "Wilcoxon's signed-rank test compares the networks on the typical photograph and ignores "
        "training noise. Its effect size (rank-biserial correlation) is 1 if the first network is "
        f"better on every photograph and {MINUS}1 if it is worse on every photograph."
    ]


def ranking_sentence(pairs: list[PairComparison]) -> str:
    """Return sentences about the differences in test IoU, certain and uncertain; '' for none."""
    if not pairs:
        return ""
    comparisons = [pair.comparison for pair in pairs]
    many = len(comparisons) > MAX_PAIRS_LISTED
    if many:
        # Pairs are in the order of the ranking: each model's first one is with the next model.
        comparisons = [next(each) for _, each in groupby(comparisons, lambda pair: pair.first)]
    certain = [each for each in comparisons if each.verdict == "supported"]
    uncertain = [each for each in comparisons if each.verdict != "supported"]
    sentences = []
    if certain:
        named = [
            f"{each.first} is above {each.second} by {format_difference(each)}" for each in certain
        ]
        sentences.append(f"In test IoU, {join_words(named)}.")
    if uncertain:
        named = [f"{each.first} and {each.second}, {format_difference(each)}" for each in uncertain]
        sentences.append(f"The order is uncertain for {join_words(named, '; ')}.")
    noise = seed_noise_text(comparisons)
    if many:
        sentences.append("Only neighbours in the ranking are listed here.")
    sentences.append(f"Brackets contain 95 % intervals of paired differences; {noise}.")
    return " ".join(sentences)


def claim_table(claims: list[JudgedClaim]) -> TextTable:
    """Return a table with one row per claim."""
    return TextTable(CLAIM, [_claim_row(claim) for claim in claims])


def _claim_row(judged: JudgedClaim) -> list[str]:
    claim, comparisons = judged.claim, judged.comparisons
    if not comparisons:
        return [claim.text, judged.words, judged.verdict, judged.reason, DASH]
    # A claim about all pretrained networks compares several first models.
    named = claim.who not in {each.first for each in comparisons}
    figures = [
        f"{each.first}: {difference_from(each)}" if named else difference_from(each)
        for each in comparisons
    ]
    expected = {
        "higher": "higher by more than",
        "lower": "lower by more than",
        "between": "between two others, each by more than",
    }[claim.direction]
    words = f"{comparisons[0].measure.words}: {expected} {format_margin(comparisons[0])}"
    samples = dict.fromkeys(format_sample_size(each) for each in comparisons)
    if any(each.busy for each in comparisons):
        samples["timed on a busy machine"] = None
    return [claim.text, words, judged.verdict, "; ".join(figures), "; ".join(samples)]


def slice_table(scores: SliceScores, names: list[str]) -> TextTable:
    """Return a table with one row per slice: its images, then the IoU of each model."""
    rows = [
        [row.name, str(row.images), *(_score_cell(row.by_model[name]) for name in names)]
        for row in scores.rows
    ]
    return TextTable(("slice", "images", *names), rows).without_empty_columns()


def _score_cell(score: Estimate) -> str:
    if math.isnan(score.value):
        return DASH
    if math.isnan(score.fixed_low):
        return f"{score.value:.3f}"
    return f"{score.value:.3f} ({score.fixed_low:.3f} to {score.fixed_high:.3f})"


def search_table(searches: list[SearchSummary]) -> TextTable:
    """Return a table with one row per search: its budget, and the best score over its course."""
    return TextTable(SEARCH, [_search_row(search) for search in searches]).without_empty_columns()


def _search_row(search: SearchSummary) -> list[str]:
    states = [trial.state for trial in search.trials]
    best = search.best_so_far
    return [
        search.name,
        str(len(states)),
        str(states.count("pruned")),
        str(states.count("failed")),
        str(sum(trial.epochs for trial in search.trials)),
        format_duration(sum(trial.seconds for trial in search.trials)),
        f"{best[max(0, (len(best) + 1) // 2 - 1)]:.3f}",
        f"{best[-1]:.3f}",
    ]


def setting_table(searches: list[SearchSummary]) -> TextTable:
    """Return a table with one row per tuned setting: the winner's value, range and importance."""
    rows = [
        [
            search.name,
            setting.name.replace("_", " "),
            format_number(setting.chosen),
            f"{format_number(setting.low)} to {format_number(setting.high)}",
            format_percent(setting.importance),
            f"at the {setting.edge} end: widen the range" if setting.edge else "",
        ]
        for search in searches
        for setting in search.settings
    ]
    return TextTable(SETTING, rows).without_empty_columns()


def importance_notes(searches: list[SearchSummary]) -> list[str]:
    """Return one sentence per search: the sample of its importances, or why it has none."""
    sentences = []
    for search in searches:
        complete = len(completed_trials(search.trials))
        if search.has_importances:
            note = f"importances are computed from {complete} complete trials (PED-ANOVA)"
        else:
            note = search.missing_importances
        sentences.append(f"{search.name}: {note}.")
    return sentences


# --- A comparison as text: the difference, its 95 % interval, and the sample size.


def format_difference(comparison: Comparison) -> str:
    """Return the difference or ratio of a comparison, with its interval where there is one."""
    estimate = comparison.estimate
    if comparison.measure.photos:
        interval = format_signed_interval(estimate.low, estimate.high)
        return f"{format_signed(estimate.value)} ({interval})"
    if comparison.measure.exact:
        return format_ratio(estimate.value)
    if math.isnan(estimate.low):
        return f"{format_ratio(estimate.value)} (no interval)"
    low, high = math.exp(estimate.low), math.exp(estimate.high)
    return f"{format_ratio(estimate.value)} ({low:.3g} to {high:.3g})"


def format_sample_size(comparison: Comparison) -> str:
    """Return the number of photographs and seeds of a comparison."""
    one, other = comparison.estimate.seeds
    seeds = f"{one} seed{'s' if one > 1 else ''}" if one == other else f"{one} and {other} seeds"
    if comparison.measure.photos:
        return f"{comparison.estimate.photos} photographs, {seeds}"
    if min(one, other) < 2 and not comparison.measure.exact:
        return f"{seeds} (spread unknown)"
    return seeds


def seed_noise_text(comparisons: Sequence[Comparison]) -> str:
    """Return a clause on whether the intervals include training noise."""
    repeated = [min(each.estimate.seeds) > 1 for each in comparisons]
    if all(repeated):
        return "they include training noise"
    if any(repeated):
        return "they include training noise where both networks have several seeds"
    return "they exclude training noise, because a network has only one seed"


def difference_from(comparison: Comparison) -> str:
    """Return the difference with the second model's name: '+0.031 (…) against pspnet'."""
    relation = "against" if comparison.measure.photos else "that of"
    return f"{format_difference(comparison)} {relation} {comparison.second}"


def format_margin(comparison: Comparison) -> str:
    """Return the margin: a score for an image measure, a percentage for a run measure."""
    if comparison.measure.photos:
        return format_score(comparison.margin)
    return f"{100 * comparison.margin:.0f} %"


def score_with_interval(measurements: Measurements, name: str, measure: str) -> str:
    """Return a model's score in an image measure with its interval.

    The interval is that of the table: over photographs, for these final runs. Only the
    intervals of differences include training noise.
    """
    score = measurements.value(name, measure)
    if score is None or math.isnan(score.value):
        return DASH
    low, high = score.fixed_low, score.fixed_high
    interval = DASH if math.isnan(low) else f"{low:.3f} to {high:.3f}"
    return f"{score.value:.3f} ({interval})"
