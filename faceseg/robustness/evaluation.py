"""A predictor under occlusion: every kind at every severity, both label policies.

The prediction of an occluded image is scored twice: `visible`, where covered pixels are
background (hair for strands) and count, and `unoccluded`, where they are left out and only
collateral damage counts. Confusion matrices are kept image by image.
Shapes: N images, C classes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.data.split import Split
from faceseg.evaluation import Case, own_size_logits
from faceseg.metrics import Counts, confusion, scores
from faceseg.predictor import Predictor
from faceseg.robustness.occlusion import (
    Occlusion,
    has_steps,
    occlude_each,
    relabel,
    severities,
)
from faceseg.robustness.occlusion.drawing import POLICIES
from faceseg.robustness.summary import occluder_rates

CLEAN = "clean"


@dataclass
class Condition:
    """One kind at one severity, filled image by image.

    `coverage` is the share of the face that was covered; `counts` the matrices by policy;
    `covered` the confusion of the covered pixels alone, against what is seen there.
    """

    kind: str
    severity: float
    coverage: list[float] = field(default_factory=list)
    counts: dict[str, list[Counts]] = field(default_factory=lambda: {each: [] for each in POLICIES})
    covered: list[Counts] = field(default_factory=list)
    label: int = 0

    def add(
        self,
        truth: NDArray[np.uint8],
        predicted: NDArray[np.uint8],
        occlusion: Occlusion | None,
        classes: int,
    ) -> None:
        """Count one image; without an occlusion it is a clean one."""
        self.coverage.append(occlusion.coverage if occlusion else 0.0)
        for policy in POLICIES:
            seen = relabel(truth, occlusion, policy) if occlusion else truth
            self.counts[policy].append(confusion(seen, predicted, classes))
        # An image without a face comes back uncovered, and says nothing about the occluder.
        if occlusion and occlusion.label is not None and occlusion.mask.any():
            self.label = occlusion.label
            mask = occlusion.mask
            self.covered.append(confusion(truth[mask], predicted[mask], classes))

    def stacked(self, policy: str) -> Counts:
        """Return the matrices of all images under a policy, (N, C, C)."""
        return np.stack(self.counts[policy])

    def share(self) -> float:
        """Return the severity as a share of the face: asked for, or reached on the mean."""
        if self.kind != CLEAN and has_steps(self.kind):
            return float(np.mean(self.coverage))
        return self.severity


def evaluate_occlusion(
    predictor: Predictor, split: Split, kinds: Sequence[str], limit: int
) -> list[Condition]:
    """Score the first `limit` images of a split: clean, then under each kind and severity."""
    count = min(limit, len(split))
    clean = Condition(CLEAN, 0.0)
    cases = (split.original(index) for index in range(count))
    for truth, logits in own_size_logits(predictor, cases):
        clean.add(truth, _labels(logits), None, len(predictor.classes))
    conditions = [clean]
    for kind in kinds:
        conditions += _one_kind(predictor, split, count, kind)
    return conditions


def table(conditions: Sequence[Condition], classes: ClassSet) -> pd.DataFrame:
    """Return one row a kind, severity and policy: shares, scores, retention, n.

    `share` is the severity as a share of the face; retention is IoU(severity) / IoU(clean)
    over the same images; rejection and hallucination are of the covered pixels.
    """
    rows: list[dict[str, Any]] = []
    clean = scores(conditions[0].stacked(POLICIES[0]).sum(axis=0), classes)["iou"]
    for condition in conditions:
        rejection, hallucination = np.nan, np.nan
        if condition.covered:
            covered = np.sum(condition.covered, axis=0)
            rejection, hallucination = occluder_rates(covered, classes, condition.label)
        for policy in POLICIES:
            counts = condition.stacked(policy)
            found = scores(counts.sum(axis=0), classes)
            rows.append(
                {
                    "kind": condition.kind,
                    "severity": condition.severity,
                    "share": condition.share(),
                    "policy": policy,
                    **{name: found[name] for name in ("iou", "dice", "precision", "recall")},
                    "retention": found["iou"] / clean if clean > 0 else np.nan,
                    "rejection": rejection,
                    "hallucination": hallucination,
                    "images": len(counts),
                }
            )
    return pd.DataFrame(rows)


def _one_kind(predictor: Predictor, split: Split, count: int, kind: str) -> list[Condition]:
    """Score one kind at all its severities; each image's occluder is drawn once."""
    conditions = [Condition(kind, severity) for severity in severities(kind)]
    drawn: deque[Occlusion] = deque()  # those whose prediction is still to come

    def cases() -> Iterator[Case]:
        for index in range(count):
            image, labels = split.original(index)
            steps = [condition.severity for condition in conditions]
            for occlusion in occlude_each(
                image, labels, split.ids[index], kind, steps, predictor.classes
            ):
                drawn.append(occlusion)
                yield occlusion.image, labels

    for place, (truth, logits) in enumerate(own_size_logits(predictor, cases())):
        condition = conditions[place % len(conditions)]
        condition.add(truth, _labels(logits), drawn.popleft(), len(predictor.classes))
    return conditions


def _labels(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    labels: NDArray[np.uint8] = np.argmax(logits, axis=-1).astype(np.uint8)
    return labels
