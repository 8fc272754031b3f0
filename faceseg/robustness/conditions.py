"""The stored result of a predictor under a condition: one confusion matrix for each image.

Every score, table and summary is computed from these matrices alone.
Shapes: N images, H rows, W columns, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics.confusion_matrix import Counts, confusion
from faceseg.robustness import occlusion
from faceseg.robustness.suites import AGREEMENT, CLEAN, Labels, View

Matrices = NDArray[np.int32]  # [image, truth, prediction]; an image has less than 2**31 pixels


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The counts under one kind and severity; all conditions of a suite use the same images.

    Attributes:
        suite: The version of the suite.
        kind: The kind, or `clean`.
        severity: The severity.
        counts: Confusion matrices (N, C, C) by policy. Under `agreement` the rows are the
            prediction of the clean image.
        coverage: The share of the face that an occluder covers, (N,).
        covered: Confusion matrices (N, C, C) of the covered pixels alone; the rows are the
            labels under the occluder. None where nothing is covered or the face shows through.
        shown: The id that the covered pixels show; None where `covered` is None.
    """

    suite: str
    kind: str
    severity: float
    counts: Mapping[str, Matrices]
    coverage: NDArray[np.float64]
    covered: Matrices | None = None
    shown: int | None = None

    @property
    def share(self) -> float:
        """The severity, or the mean coverage for a kind with natural steps."""
        steps = self.suite == occlusion.VERSION and self.kind != CLEAN
        if steps and occlusion.has_steps(self.kind):
            return float(np.mean(self.coverage))
        return self.severity

    def total(self, policy: str) -> Counts:
        """Return the confusion matrix of all images under a policy, (C, C)."""
        return np.asarray(self.counts[policy].sum(axis=0, dtype=np.int64))


class ConditionCounter:
    """Counts the predictions under one condition, image by image."""

    def __init__(self, suite: str, kind: str, severity: float, classes: int) -> None:
        self.suite, self.kind, self.severity = suite, kind, severity
        self._classes = classes
        self._counts: dict[str, list[Matrices]] = {}
        self._coverage: list[float] = []
        self._covered: list[Matrices] = []
        self._shown: int | None = None

    def add(self, view: View, predicted: Labels, clean: Labels) -> None:
        """Count the prediction of one view.

        Args:
            view: The image under this condition.
            predicted: The prediction for the view, (H, W).
            clean: The prediction for the unchanged image, (H, W).
        """
        for policy, truth in view.truth.items():
            self._count(policy, truth, predicted)
        if view.move is not None:
            self._count(AGREEMENT, view.move(clean), predicted)
        drawn = view.occlusion
        self._coverage.append(drawn.coverage if drawn else 0.0)
        if drawn is None or drawn.label is None:
            return
        mask = drawn.mask
        self._covered.append(self._confusion(view.labels[mask], predicted[mask]))
        if mask.any():  # an image without a face is not covered
            self._shown = drawn.label

    def condition(self) -> Condition:
        """Return the counts of all images so far."""
        return Condition(
            suite=self.suite,
            kind=self.kind,
            severity=self.severity,
            counts={policy: np.stack(matrices) for policy, matrices in self._counts.items()},
            coverage=np.array(self._coverage),
            covered=np.stack(self._covered) if self._shown is not None else None,
            shown=self._shown,
        )

    def _count(self, policy: str, truth: Labels, predicted: Labels) -> None:
        self._counts.setdefault(policy, []).append(self._confusion(truth, predicted))

    def _confusion(self, truth: Labels, predicted: Labels) -> Matrices:
        return confusion(truth, predicted, self._classes).astype(np.int32)
