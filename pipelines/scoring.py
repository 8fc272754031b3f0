"""From records of single images to the numbers that are logged: tables, summaries, test scores.

Jobs log these, and the comparison computes them again: nothing here knows a network or a run.
"""

from collections.abc import Sequence

import pandas as pd

from faceseg import legacy
from faceseg.classes import ClassSet
from faceseg.evaluation import Evaluation
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import SUITES
from faceseg.robustness.summary import consistency, summarise
from faceseg.robustness.tables import curves, table
from faceseg.robustness.views import AGREEMENT

Tables = dict[str, pd.DataFrame]  # by the suite's name


def test_scores(tested: Evaluation, classes: ClassSet) -> dict[str, float]:
    """Return every `test/…` metric of the images as they are."""
    counts = tested.counts.sum(axis=0)
    values = {f"test/{name}": value for name, value in tested.scores(classes).items()}
    return values | {
        "test/images": len(tested.ids),
        "test/legacy_iou": legacy.legacy_iou(counts),
        "test/legacy_dice": legacy.legacy_dice(counts),
        "test/legacy_precision": legacy.legacy_precision(counts),
        "test/legacy_recall": legacy.legacy_recall(counts),
    }


def tables(conditions: Sequence[Condition], classes: ClassSet) -> Tables:
    """Return the table of each suite that was run."""
    found: Tables = {}
    for name, suite in SUITES.items():
        own = [condition for condition in conditions if condition.suite == suite.version]
        if own:
            found[name] = table(own, classes)
    return found


def summaries(rows: Tables, blind: float) -> dict[str, float]:
    """Reduce the tables to single numbers, under each suite's headline policy.

    `<suite>/retention`: share of the clean IoU that is kept (1: nothing lost), `<suite>/mean_iou`
    the IoU itself, means over severities and kinds; `<suite>/<kind>/retention` by kind. Of
    occlusion a mean over severities is the area from 0 to 0.5 of the face, over its length.
    `geometry/<kind>/consistency`: how far predictions move with the picture. What is relative is
    NaN for a model that is no better than `blind` (see `Records`).
    """
    found: dict[str, float] = {}
    for name, each in rows.items():
        suite = SUITES[name]
        by_kind, clean = curves(each, suite.policies[0])
        summary = summarise(by_kind, clean, by_share=suite.by_share, blind=blind)
        found[f"{name}/retention"] = summary.mean_retention
        found[f"{name}/mean_iou"] = summary.mean_iou
        found |= {f"{name}/{kind}/retention": kept for kind, kept in summary.retention.items()}
        if AGREEMENT in suite.policies:
            agreement, _ = curves(each, AGREEMENT)
            found |= {
                f"{name}/{kind}/consistency": share
                for kind, share in consistency(agreement, clean, blind).items()
            }
    return found
