"""What the first screen says beside its answers: what surprises, and what was not learned."""

from typing import Any

import pandas as pd

from pipelines.compare.advice import not_learned
from pipelines.compare.collect import Record
from pipelines.compare.evidence import Evidence
from pipelines.compare.formats import listed, plain
from pipelines.compare.networks import is_pretrained
from pipelines.compare.pairs import Pair
from pipelines.compare.wording import figure, training_noise

SMALL_GRID = 96  # pixels; below it an eye is one or two pixels high


def summary(
    record: Record, table: pd.DataFrame, evidence: Evidence, found: list[Pair]
) -> list[str]:
    """Return the sentences."""
    told = [not_learned(evidence), order(found), _unet_below_segnet(record, table, found)]
    return [sentence for sentence in told if sentence]


def order(found: list[Pair]) -> str:
    """Say which differences of the test IoU are sure, from the paired intervals."""
    if not found:
        return ""
    comparisons = [pair.comparison for pair in found]
    sure = [each for each in comparisons if each.verdict == "supported"]
    open_ones = [each for each in comparisons if each.verdict != "supported"]
    parts = []
    if sure:
        named = [f"{each.first} above {each.second} by {figure(each)}" for each in sure]
        parts.append(f"Sure of the test IoU: {listed(named)}")
    if open_ones:
        named = [f"{each.first} and {each.second}, {figure(each)}" for each in open_ones]
        parts.append(f"{'not separated' if sure else 'Not separated'}: {listed(named)}")
    seeds = comparisons[0].estimate.seeds
    return f"{'; '.join(parts)} (95 % intervals of paired differences, {training_noise(seeds)})."


def _unet_below_segnet(record: Record, table: pd.DataFrame, found: list[Pair]) -> str:
    """Explain a U-Net that is surely below a SegNet trained from scratch, from their settings."""
    wanted = {"unet", "segnet"}
    compared = [each.comparison for each in found]
    both = [each for each in compared if {each.first, each.second} == wanted]
    if any(each.verdict == "undecided" for each in both):
        return ""
    rows: dict[str, Any] = {row["architecture"]: row for row in table.to_dict("records")}
    contenders = {each.name: each for each in record.contenders}
    if not {"unet", "segnet"} <= set(rows) or rows["unet"]["iou"] >= rows["segnet"]["iou"]:
        return ""
    if is_pretrained(contenders["segnet"]):
        return ""
    if is_pretrained(contenders["unet"]):
        return (
            "unet ranks below segnet although its encoder is pretrained: look at its curves and "
            "its learning rate before taking this for a finding."
        )
    reasons = ["no pretrained encoder was given to it (encoder_weights: none)"]
    size = max(record.manifest.image_size)
    if size <= SMALL_GRID:
        reasons.append(
            f"on a grid of {size} pixels its finest encoder features are {size // 2} pixels wide, "
            "where segnet's first convolutions see every pixel"
        )
    ratio = rows["segnet"]["model_macs"] / rows["unet"]["model_macs"]
    if ratio >= 1.5:
        reasons.append(
            f"segnet spends {plain(round(ratio, 1))} times the multiply-adds on an image"
        )
    return f"That unet ranks below segnet is no surprise here: {listed(reasons, '; ')}."
