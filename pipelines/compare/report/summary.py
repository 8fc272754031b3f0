"""The summary of the report: whether the networks learned, their ranking, a surprising order."""

from typing import Any

import pandas as pd

from faceseg.evaluation.baselines import LEARNED_MARGIN
from pipelines.compare.analysis.comparisons import Measurements, PairComparison
from pipelines.compare.formatting import format_number, format_score, join_words
from pipelines.compare.report.comparison_text import ranking_sentence
from pipelines.compare.study_data.study_results import ComparedStudy, is_pretrained

SMALL_GRID = 96  # pixels of the input; below it an eye is one or two pixels high


def summary_sentences(
    study: ComparedStudy,
    table: pd.DataFrame,
    measurements: Measurements,
    pairs: list[PairComparison],
) -> list[str]:
    """Return the sentences of the summary."""
    sentences = [
        baseline_warning(measurements),
        ranking_sentence(pairs),
        _unet_below_segnet(study, table, pairs),
    ]
    return [sentence for sentence in sentences if sentence]


def _unet_below_segnet(
    study: ComparedStudy, table: pd.DataFrame, pairs: list[PairComparison]
) -> str:
    """Explain, from the settings, why U-Net ranks below a SegNet that was trained from scratch.

    Returns:
        A sentence; '' if U-Net does not rank below SegNet with certainty.
    """
    both = [
        pair.comparison
        for pair in pairs
        if {pair.comparison.first, pair.comparison.second} == {"unet", "segnet"}
    ]
    if any(comparison.verdict == "undecided" for comparison in both):
        return ""
    rows: dict[str, Any] = {row["architecture"]: row for row in table.to_dict("records")}
    models = {model.name: model for model in study.models}
    if not {"unet", "segnet"} <= set(rows) or rows["unet"]["iou"] >= rows["segnet"]["iou"]:
        return ""
    if is_pretrained(models["segnet"]):
        return ""
    if is_pretrained(models["unet"]):
        return (
            "unet ranks below segnet although its encoder is pretrained: check its learning curves "
            "and its learning rate before you take this as a finding."
        )
    reasons = ["unet has no pretrained encoder (encoder_weights: none)"]
    size = max(study.manifest.image_size)
    if size <= SMALL_GRID:
        reasons.append(
            f"with an input of {size} pixels, unet's finest encoder features are {size // 2} "
            "pixels wide, while segnet's first convolutions use every pixel"
        )
    ratio = rows["segnet"]["model_macs"] / rows["unet"]["model_macs"]
    if ratio >= 1.5:
        times = format_number(round(ratio, 1))
        reasons.append(f"segnet uses {times} times the multiply-adds per image")
    explained = join_words(reasons, "; ")
    return f"unet ranks below segnet, which is expected with these settings: {explained}."


def baseline_warning(measurements: Measurements) -> str:
    """Return a warning if no network has learned enough to compare, else ''."""
    if any(measurements.has_learned(model.name) for model in measurements.models):
        return ""
    return (
        f"No network scores {LEARNED_MARGIN} above the mean label map, a prediction that ignores "
        f"the image (IoU {format_score(measurements.baseline_iou)}). The networks learned next to "
        "nothing, so the ranking means nothing: train for more epochs, or check the labels and "
        "the learning rate."
    )
