"""What the page shows of a photograph: its labels by several networks, with and without an
occluder. Pure: photograph, networks and occluder in, label maps and figures out.

Shapes: H rows, W columns of the photograph as it is worked on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import confusion
from faceseg.robustness.occlusion import Occlusion, has_steps, occlude, severities
from pipelines.demo.networks import DemoNetwork, LabelCache
from pipelines.demo.photograph import Pixels, UploadedPhotograph
from pipelines.predict.results import class_shares

ProgressCallback = Callable[
    [int, int, str], None
]  # how many label maps are done, of how many, by whom


@dataclass(frozen=True)
class OccluderChoice:
    """An occluder to be put over the face.

    severity: a percentage of the face, or the number of a step (`has_steps`). replica: which of
    the many that could be drawn.
    """

    kind: str
    severity: float
    replica: int = 0

    @property
    def fraction_or_step(self) -> float:
        """The severity as `faceseg.robustness.occlusion` takes it."""
        return self.severity if has_steps(self.kind) else self.severity / 100


@dataclass(frozen=True)
class SeverityRange:
    """The severities of a kind as a slider has them: steps, or percentages of the face."""

    low: float
    high: float
    step: float
    default: float


@dataclass(frozen=True)
class LabelledImage:
    """An image (H, W, 3), a network's labels of it (H, W), and the share of each class by name."""

    image: Pixels
    labels: Pixels
    shares: dict[str, float]


# --- What an occluder does to labels that it does not cover.
#
# There is no truth for a visitor's photograph: labels of the occluded photograph are compared
# with those of the same network for the photograph as it was. Shapes: H rows, W columns.

MIN_VISIBLE_PIXELS = (
    20  # visible pixels below which a class is too small to be called the most hurt
)


@dataclass(frozen=True)
class OcclusionEffect:
    """Shares in [0, 1].

    changed: of the visible pixels, those with another label than before; NaN if none is
    visible. lost: by class, of its visible pixels; NaN for a class without any. worst: the id
    of the foreground class that lost most, the lower of equals; None if none lost a pixel.
    still_face: of the covered pixels, those labelled as face all the same; NaN if none is
    covered, or if the face shows through.
    """

    changed: float
    lost: tuple[float, ...]
    worst: int | None
    still_face: float


def occlusion_effect(
    before: Pixels, after: Pixels, occlusion: Occlusion, classes: ClassSet
) -> OcclusionEffect:
    """Compare labels (H, W) of a photograph and of the same photograph occluded."""
    covered = occlusion.mask & (occlusion.label is not None)
    visible = ~covered
    counts = confusion(before[visible], after[visible], len(classes))
    there, kept = counts.sum(axis=1), np.diag(counts)
    with np.errstate(invalid="ignore"):
        lost = 1 - kept / there
        changed = 1 - kept.sum() / there.sum()
    hidden = after[covered]
    still_face = float(np.isin(hidden, classes.face).mean()) if hidden.size else float("nan")
    worst = max(
        (
            each
            for each in range(1, len(classes))
            if there[each] >= MIN_VISIBLE_PIXELS and lost[each] > 0
        ),
        key=lambda each: (lost[each], -each),
        default=None,
    )
    return OcclusionEffect(float(changed), tuple(lost.tolist()), worst, still_face)


@dataclass(frozen=True)
class NetworkResult:
    """What one network makes of the photograph, and of the occluded one where there is one."""

    network: DemoNetwork
    before: LabelledImage
    after: LabelledImage | None = None
    effect: OcclusionEffect | None = None


@dataclass(frozen=True)
class Inspection:
    """The findings of the networks, in their order.

    `occlusion` is what all of them were shown; `placed_by` the network by whose labels it was
    put over the face.
    """

    results: tuple[NetworkResult, ...]
    occlusion: Occlusion | None
    placed_by: DemoNetwork


def inspect_photograph(
    photograph: UploadedPhotograph,
    shown: Sequence[DemoNetwork],
    placed_by: DemoNetwork,
    cover: OccluderChoice | None,
    *,
    labeller: LabelCache,
    report: ProgressCallback,
) -> Inspection:
    """Label a photograph with the networks shown; with a cover, an occluded one beside it.

    All networks see the same occluder, so that they can be compared. UserError for a kind or a
    severity that there is not.
    """
    total = len(shown) * (1 if cover is None else 2)
    findings: list[NetworkResult] = []
    occlusion = None
    if cover is not None:
        occlusion = _occlude(photograph, placed_by, cover, labeller)
    for network in shown:
        report(len(findings) * total // len(shown), total, network.title)
        before = _label(network, photograph.pixels, labeller)
        if occlusion is None:
            findings.append(NetworkResult(network, before))
            continue
        after = _label(network, occlusion.image, labeller)
        hurt = occlusion_effect(before.labels, after.labels, occlusion, network.predictor.classes)
        findings.append(NetworkResult(network, before, after, hurt))
    return Inspection(tuple(findings), occlusion, placed_by)


def severity_range(kind: str) -> SeverityRange:
    """Return what a slider offers of a kind."""
    steps = severities(kind)
    if has_steps(kind):
        return SeverityRange(steps[0], steps[-1], 1, steps[len(steps) // 2])
    return SeverityRange(100 * steps[0], 100 * steps[-1], 1, 100 * steps[len(steps) // 2])


def _occlude(
    photograph: UploadedPhotograph,
    network: DemoNetwork,
    cover: OccluderChoice,
    labeller: LabelCache,
) -> Occlusion:
    labels = labeller.labels(network, photograph.pixels)
    return occlude(
        photograph.pixels,
        labels,
        photograph.digest,
        cover.kind,
        cover.fraction_or_step,
        network.predictor.classes,
        cover.replica,
    )


def _label(network: DemoNetwork, image: Pixels, labeller: LabelCache) -> LabelledImage:
    labels = labeller.labels(network, image)
    return LabelledImage(image, labels, class_shares(labels, network.predictor.classes))
