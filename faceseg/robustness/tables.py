"""Tables of scores: one row for each condition and policy, and IoU by class and kind.

An undefined score is NaN: there are no pixels of any class, or no covered pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import class_iou, scores
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import CLEAN
from faceseg.robustness.summary import Curve, occluder_rates

SCORES = ("iou", "dice", "precision", "recall")


def score_table(conditions: Sequence[Condition], classes: ClassSet) -> pd.DataFrame:
    """Return the scores of a suite: one row for each kind, severity and policy.

    A predictor that ignores its input may have a perfect retention or rejection, so retention,
    rejection and hallucination must be read beside `iou`, never alone.

    Args:
        conditions: The conditions of one suite as `evaluate_suite` returns them: `clean` first.
        classes: The class set.

    Returns:
        A table with the columns `suite`, `kind`, `severity`, `policy`, the scores (fractions),
        the number of `images`, and:
        `share`, the severity, or the mean coverage of the face for a kind with natural steps;
        `retention`, IoU / IoU(clean) under the policy over the same images;
        `rejection` and `hallucination` of the covered pixels (see `occluder_rates`).
    """
    clean = {policy: _iou(conditions[0], policy, classes) for policy in conditions[0].counts}
    rows: list[dict[str, Any]] = []
    for condition in conditions:
        rejection, hallucination = _occluder_rates(condition, classes)
        for policy, counts in condition.counts.items():
            found = scores(condition.total(policy), classes)
            iou = found["iou"]
            rows.append(
                {
                    "suite": condition.suite,
                    "kind": condition.kind,
                    "severity": condition.severity,
                    "share": condition.share,
                    "policy": policy,
                    **{name: found[name] for name in SCORES},
                    "retention": iou / clean[policy] if clean[policy] > 0 else np.nan,
                    "rejection": rejection,
                    "hallucination": hallucination,
                    "images": len(counts),
                }
            )
    return pd.DataFrame(rows)


def curves(rows: pd.DataFrame, policy: str) -> tuple[dict[str, Curve], float]:
    """Return the IoU by share for each kind under one policy, and the clean IoU.

    Args:
        rows: The table that `score_table` returned, for one suite.
        policy: One of its policies.

    Returns:
        ({kind: {share: IoU}}, IoU of the clean images).

    Raises:
        ValueError: The table has no clean row under this policy, or more than one.
    """
    wanted = rows[rows.policy == policy]
    clean = wanted[wanted.kind == CLEAN].iou
    if len(clean) != 1:
        given = ", ".join(sorted(set(rows.policy)))
        raise ValueError(
            f"{len(clean)} clean rows under policy {policy!r}: expected the one of a table "
            f"of one suite, whose policies here are {given}"
        )
    found: dict[str, Curve] = {
        str(kind): dict(zip(group.share, group.iou, strict=True))
        for kind, group in wanted[wanted.kind != CLEAN].groupby("kind", sort=False)
    }
    return found, float(clean.iloc[0])


def class_iou_table(
    conditions: Sequence[Condition], classes: ClassSet, policy: str, at: float = 0.20
) -> pd.DataFrame:
    """Return the IoU of each class (rows) under each kind (columns), `clean` first.

    Args:
        conditions: The conditions of one suite.
        classes: The class set.
        policy: The policy to score by.
        at: For each kind, the condition whose `share` is nearest to this value is used.
    """
    columns: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for kind in dict.fromkeys(condition.kind for condition in conditions):
        same = [condition for condition in conditions if condition.kind == kind]
        nearest = min(same, key=lambda condition: abs(condition.share - at))
        columns[kind] = class_iou(nearest.total(policy))
    return pd.DataFrame(columns, index=list(classes.names))


def _iou(condition: Condition, policy: str, classes: ClassSet) -> float:
    return scores(condition.total(policy), classes)["iou"]


def _occluder_rates(condition: Condition, classes: ClassSet) -> tuple[float, float]:
    if condition.covered is None or condition.shown is None:
        return np.nan, np.nan
    covered = condition.covered.sum(axis=0, dtype=np.int64)
    return occluder_rates(covered, classes, condition.shown)
