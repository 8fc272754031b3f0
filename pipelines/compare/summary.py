"""The comparison in a paragraph: each sentence is read off the table and the finals' settings."""

from typing import Any

import pandas as pd

from pipelines.compare.collect import Contender, Record
from pipelines.compare.formats import Row, percent, plain, score, span

LEARNED = 0.1  # a foreground IoU below this says that nothing worth comparing was learned
SMALL_GRID = 96  # pixels; below it an eye is one or two pixels high


def summary(record: Record, table: pd.DataFrame) -> list[str]:
    """Return the sentences: the best, the fastest, the steadiest, and what surprises."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    found = [_best(rows), _learned(rows), _fastest(rows), _steadiest(rows)]
    return [sentence for sentence in (*found, _unet_below_segnet(record, table)) if sentence]


def _best(rows: list[dict[Any, Any]]) -> str:
    first, *others = rows
    interval = span(first, "iou_low", "iou_high")
    opening = (
        f"{first['architecture']} has the best test IoU, {score(first['iou'])} "
        f"(95 % interval {interval}, {first['test_images']} images)"
    )
    if not others:
        return f"{opening}; there is no other to compare it with."
    level = [str(row["architecture"]) for row in others if overlap(first, row)]
    if level:
        verb = "overlaps" if len(level) == 1 else "overlap"
        return f"{opening}; the interval of {_listed(level)} {verb} it: not separated."
    second = others[0]
    return (
        f"{opening}; the next, {second['architecture']} with {score(second['iou'])} "
        f"({span(second, 'iou_low', 'iou_high')}), lies below it without overlap."
    )


def overlap(one: Row, other: Row) -> bool:
    """Return whether the intervals of two rows share a point."""
    return bool(one["iou_low"] <= other["iou_high"] and other["iou_low"] <= one["iou_high"])


def _learned(rows: list[dict[Any, Any]]) -> str:
    if rows[0]["iou"] >= LEARNED:
        return ""
    return (
        f"No network reaches an IoU of {LEARNED}: training was too short for the order, or the "
        "share kept under occlusion, to mean anything."
    )


def _fastest(rows: list[dict[Any, Any]]) -> str:
    fastest = min(rows, key=lambda row: row["latency_p50_ms"])
    threads = int(fastest["latency_threads"])
    return (
        f"{fastest['architecture']} is the fastest: {fastest['latency_p50_ms']:.1f} ms an image "
        f"(median, batch 1, {threads} thread{'s' if threads > 1 else ''})."
    )


def _steadiest(rows: list[dict[Any, Any]]) -> str:
    """Name who keeps most, of those that have something to keep, beside who scores highest."""
    learned = [row for row in rows if row["iou"] >= LEARNED]
    if not learned:
        return ""
    keeper = max(learned, key=lambda row: row["retention"])
    highest = max(learned, key=lambda row: row["occluded_iou"])
    opening = (
        f"{keeper['architecture']} keeps most under occlusion, {percent(keeper['retention'])} of "
        "its IoU on average"
    )
    if keeper is highest:
        return f"{opening}, and scores highest there ({score(keeper['occluded_iou'])})."
    return (
        f"{opening}, but {highest['architecture']} still scores higher there "
        f"({score(highest['occluded_iou'])} against {score(keeper['occluded_iou'])})."
    )


def _unet_below_segnet(record: Record, table: pd.DataFrame) -> str:
    """Explain a U-Net that ranks below a SegNet trained from scratch, from their settings."""
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
    return f"That unet ranks below segnet is no surprise here: {_listed(reasons, '; ')}."


def is_pretrained(contender: Contender) -> bool:
    """Return whether the finals of a network started from given encoder weights."""
    given = contender.finals[0].params.get("network.encoder_weights", "none")
    return given not in ("none", "None", "")


def _listed(names: list[str], comma: str = ", ") -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{comma.join(names[:-1])}{';' if comma == '; ' else ''} and {names[-1]}"
