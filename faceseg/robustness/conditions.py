"""The stored result of a predictor under a condition: one confusion matrix for each image.

Every score, table and summary is computed from these matrices alone.
Shapes: N images, H rows, W columns, C classes.
"""

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, kw_only=True)
class ViewCounts:
    """The counts of the prediction for one view; the attributes are those of `Condition`."""

    counts: Mapping[str, Matrices]
    coverage: float = 0.0
    covered: Matrices | None = None
    shown: int | None = None


def count_view(
    view: View, predicted: Labels, clean: Callable[[], Labels], classes: int
) -> ViewCounts:
    """Count the prediction of one view.

    Args:
        view: The image under some condition.
        predicted: The prediction for the view, (H, W).
        clean: Returns the prediction for the unchanged image, (H, W); called if it is needed.
        classes: C.
    """

    def count(truth: Labels, found: Labels) -> Matrices:
        return confusion(truth, found, classes).astype(np.int32)

    counts = {policy: count(truth, predicted) for policy, truth in view.truth.items()}
    if view.move is not None:
        counts[AGREEMENT] = count(view.move(clean()), predicted)
    drawn = view.occlusion
    if drawn is None or drawn.label is None:
        return ViewCounts(counts=counts, coverage=drawn.coverage if drawn else 0.0)
    return ViewCounts(
        counts=counts,
        coverage=drawn.coverage,
        covered=count(view.labels[drawn.mask], predicted[drawn.mask]),
        # An image without a face is not covered.
        shown=drawn.label if drawn.mask.any() else None,
    )


class ConditionCounter:
    """Collects the counts under one condition, image by image."""

    def __init__(self, suite: str, kind: str, severity: float) -> None:
        self.suite, self.kind, self.severity = suite, kind, severity
        self._views: list[ViewCounts] = []

    def add(self, counts: ViewCounts) -> None:
        """Add the counts of the next image."""
        self._views.append(counts)

    def condition(self) -> Condition:
        """Return the counts of all images so far."""
        views = self._views
        shown = next((each.shown for each in views if each.shown is not None), None)
        covered = [each.covered for each in views if each.covered is not None]
        return Condition(
            suite=self.suite,
            kind=self.kind,
            severity=self.severity,
            counts={
                policy: np.stack([each.counts[policy] for each in views])
                for policy in (views[0].counts if views else ())
            },
            coverage=np.array([each.coverage for each in views]),
            covered=np.stack(covered) if shown is not None else None,
            shown=shown,
        )
