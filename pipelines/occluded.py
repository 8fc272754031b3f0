"""The occlusion evaluation of one job: run it, log its curves, write its files."""

from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd

from faceseg.predictor import Predictor
from faceseg.robustness.evaluation import CLEAN, Condition, evaluate_occlusion, table
from faceseg.robustness.summary import summarise
from pipelines.context import Context
from pipelines.search.job import Job
from pipelines.tracking import Outbox

HEADLINE = "visible"  # the policy of the metrics without a suffix


def evaluate(
    context: Context, job: Job, predictor: Predictor, outbox: Outbox, folder: Path, *, at: float
) -> dict[str, float]:
    """Occlude validation images (a trial) or test images (a final); return the summaries.

    Logs `occlusion/<kind>/iou` with the severity in percent as the step (0 is clean), and the
    same with `_unoccluded` for the second policy; writes occlusion.csv and confusion.npz.
    at: the time of the points (seconds since 1970); the same each time stores them once.
    """
    settings = context.experiment.robustness
    last = job.key.kind == "final"
    split = context.test if last else context.validation
    limit = settings.final_images if last else settings.trial_images
    conditions = evaluate_occlusion(predictor, split, settings.kinds, limit)
    rows = table(conditions, context.experiment.data.class_set)
    rows.to_csv(folder / "occlusion.csv", index=False)
    write_counts(folder / "confusion.npz", split.ids[:limit], conditions)
    _say_curves(outbox, rows, at)
    return summaries(rows)


def summaries(rows: pd.DataFrame) -> dict[str, float]:
    """Reduce the table to single numbers, under the headline policy.

    Areas under the curve from severity 0 to 0.5, divided by its length: `occlusion/retention`
    of the share of the clean IoU that is kept (1: nothing lost), `occlusion/mean_iou` of the
    IoU itself; `occlusion/<kind>/retention` by kind.
    """
    headline = rows[rows.policy == HEADLINE]
    clean = float(headline[headline.kind == CLEAN].iou.iloc[0])
    occluded = headline[headline.kind != CLEAN]
    curves = {
        str(kind): dict(zip(group.share, group.iou, strict=True))
        for kind, group in occluded.groupby("kind", sort=False)
    }
    summary = summarise(curves, clean)
    return {
        "occlusion/retention": summary.mean_retention,
        "occlusion/mean_iou": summary.mean_iou,
        **{f"occlusion/{kind}/retention": kept for kind, kept in summary.retention.items()},
    }


def write_counts(path: Path, ids: tuple[str, ...], conditions: list[Condition]) -> None:
    """Write every image's confusion matrix under every condition, without pickle.

    Arrays: `ids` (N,), and `<kind>/<severity>/<policy>` (N, C, C) [truth, prediction].
    """
    arrays = {
        f"{each.kind}/{each.severity:g}/{policy}": each.stacked(policy).astype(np.int32)
        for each in conditions
        for policy in each.counts
    }
    np.savez_compressed(path, allow_pickle=False, ids=np.array(ids), **arrays)


def _say_curves(outbox: Outbox, rows: pd.DataFrame, at: float) -> None:
    clean = rows[rows.kind == CLEAN].set_index("policy").iou.to_dict()
    for step, at_step in _steps(rows, clean):
        outbox.metrics(at_step, step, at)


def _steps(rows: pd.DataFrame, clean: dict[Hashable, float]) -> list[tuple[int, dict[str, float]]]:
    steps: dict[int, dict[str, float]] = {0: {}}
    for row in rows[rows.kind != CLEAN].to_dict("records"):
        suffix = "" if row["policy"] == HEADLINE else f"_{row['policy']}"
        name = f"occlusion/{row['kind']}/iou{suffix}"
        steps[0][name] = clean[row["policy"]]
        steps.setdefault(round(100 * row["share"]), {})[name] = row["iou"]
    return sorted(steps.items())
