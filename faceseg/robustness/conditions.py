"""What is kept of a predictor under a condition: one confusion matrix an image.

Every score, table and summary is read off these, and nothing else is needed to recompute
them. Shapes: N images, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics.confusion_matrix import Counts, confusion
from faceseg.robustness import occlusion
from faceseg.robustness.suites import AGREEMENT, CLEAN, Labels, View

Matrices = NDArray[np.int32]  # [image, truth, prediction]; an image has less than 2**31 pixels


@dataclass(frozen=True)
class Condition:
    """One kind of a suite at one severity, over the same images as all its others.

    `counts`: by policy, (N, C, C); under `agreement` the rows are the clean image's prediction.
    `coverage` (N,) is the share of the face that an occluder covers. `covered` (N, C, C) is the
    confusion of the covered pixels alone, its rows what is underneath, and `shown` the id that
    they show instead; both are None where nothing is covered, or the face shows through.
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
        """The severity; of a kind with natural steps, the mean coverage that it reached."""
        steps = self.suite == occlusion.VERSION and self.kind != CLEAN
        if steps and occlusion.has_steps(self.kind):
            return float(np.mean(self.coverage))
        return self.severity

    def total(self, policy: str) -> Counts:
        """Return the matrix of all images together under a policy, (C, C)."""
        return np.asarray(self.counts[policy].sum(axis=0, dtype=np.int64))


class ConditionCounter:
    """A condition that is being filled, image by image."""

    def __init__(self, suite: str, kind: str, severity: float, classes: int) -> None:
        self.suite, self.kind, self.severity = suite, kind, severity
        self._classes = classes
        self._counts: dict[str, list[Matrices]] = {}
        self._coverage: list[float] = []
        self._covered: list[Matrices] = []
        self._shown: int | None = None

    def add(self, view: View, predicted: Labels, clean: Labels) -> None:
        """Count the prediction of one view; `clean` is that of the image as it is, (H, W)."""
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
        if mask.any():  # an image without a face comes back uncovered, and shows nothing
            self._shown = drawn.label

    def condition(self) -> Condition:
        """Return what has been counted."""
        return Condition(
            self.suite,
            self.kind,
            self.severity,
            {policy: np.stack(matrices) for policy, matrices in self._counts.items()},
            np.array(self._coverage),
            np.stack(self._covered) if self._shown is not None else None,
            self._shown,
        )

    def _count(self, policy: str, truth: Labels, predicted: Labels) -> None:
        self._counts.setdefault(policy, []).append(self._confusion(truth, predicted))

    def _confusion(self, truth: Labels, predicted: Labels) -> Matrices:
        return confusion(truth, predicted, self._classes).astype(np.int32)
