"""Label a photograph with several networks, with and without an occluder.

Pure functions: photograph, networks and occluder in, label maps and figures out.

Shapes: H rows, W columns of the photograph after downscaling.
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

ProgressCallback = Callable[[int, int, str], None]  # label maps done, their total, network's title
MIN_VISIBLE_PIXELS = 20  # classes with fewer visible pixels are never reported as the worst


@dataclass(frozen=True)
class OccluderChoice:
    """An occluder to put over the face.

    Attributes:
        kind: The kind of occluder.
        severity: A percentage of the face, or the number of a step (`has_steps`).
        replica: Which of the random variants to draw.
    """

    kind: str
    severity: float
    replica: int = 0

    @property
    def fraction_or_step(self) -> float:
        """The severity in the unit that `faceseg.robustness.occlusion` expects."""
        return self.severity if has_steps(self.kind) else self.severity / 100


@dataclass(frozen=True, kw_only=True)
class SeverityRange:
    """The severities that a slider offers for a kind: steps, or percentages of the face."""

    low: float
    high: float
    step: float
    default: float


@dataclass(frozen=True)
class LabelledImage:
    """An image (H, W, 3), a network's labels (H, W), and the share of each class by name."""

    image: Pixels
    labels: Pixels
    shares: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class OcclusionEffect:
    """How an occluder changes a network's labels, as shares in [0, 1].

    A visitor's photograph has no ground truth. The labels of the occluded photograph are
    therefore compared with those of the same network for the original photograph.

    Attributes:
        changed: The share of visible pixels whose label changed; NaN if none is visible.
        lost: By class, the share of its visible pixels whose label changed; NaN for a class
            without visible pixels.
        worst: The id of the foreground class that lost the largest share, the lower id if equal;
            None if no class lost a pixel.
        still_face: The share of covered pixels that are still labelled as face; NaN if none is
            covered, or if the occluder is transparent.
    """

    changed: float
    lost: tuple[float, ...]
    worst: int | None
    still_face: float


def occlusion_effect(
    before: Pixels, after: Pixels, occlusion: Occlusion, classes: ClassSet
) -> OcclusionEffect:
    """Compare the labels (H, W) of a photograph with those of the occluded photograph.

    Args:
        before: The labels of the original photograph.
        after: The labels of the occluded photograph.
        occlusion: The occluder.
        classes: The class set of the labels.
    """
    covered = occlusion.mask & (occlusion.label is not None)
    visible = ~covered
    counts = confusion(before[visible], after[visible], len(classes))
    total, kept = counts.sum(axis=1), np.diag(counts)
    with np.errstate(invalid="ignore"):
        lost = 1 - kept / total
        changed = 1 - kept.sum() / total.sum()
    hidden = after[covered]
    still_face = float(np.isin(hidden, classes.face).mean()) if hidden.size else float("nan")
    worst = max(
        (
            each
            for each in range(1, len(classes))
            if total[each] >= MIN_VISIBLE_PIXELS and lost[each] > 0
        ),
        key=lambda each: (lost[each], -each),
        default=None,
    )
    return OcclusionEffect(
        changed=float(changed), lost=tuple(lost.tolist()), worst=worst, still_face=still_face
    )


@dataclass(frozen=True, kw_only=True)
class NetworkResult:
    """One network's labels of the photograph, and of the occluded one if there is an occluder."""

    network: DemoNetwork
    before: LabelledImage
    after: LabelledImage | None = None
    effect: OcclusionEffect | None = None


@dataclass(frozen=True)
class Inspection:
    """The results of the networks, in their order.

    Attributes:
        results: One result per network.
        occlusion: The occluder on the image of all networks, if any.
        placed_by: The network whose labels placed the occluder.
        faces: The number of faces in the photograph; None if they were not looked for.
    """

    results: tuple[NetworkResult, ...]
    occlusion: Occlusion | None
    placed_by: DemoNetwork
    faces: int | None = None


def inspect_photograph(
    photograph: UploadedPhotograph,
    shown: Sequence[DemoNetwork],
    placed_by: DemoNetwork,
    occluder: OccluderChoice | None,
    *,
    cache: LabelCache,
    report: ProgressCallback,
) -> Inspection:
    """Label a photograph, and its occluded version if there is an occluder.

    All networks see the same occluder, so that their results can be compared.

    Args:
        photograph: The photograph.
        shown: The networks to run.
        placed_by: The network whose labels place the occluder on the face.
        occluder: The occluder, or None.
        cache: The label maps computed before.
        report: Called before each network runs.

    Returns:
        The results.

    Raises:
        UserError: The kind or the severity of the occluder does not exist.
    """
    total = len(shown) * (1 if occluder is None else 2)
    results: list[NetworkResult] = []
    occlusion = None
    if occluder is not None:
        occlusion = _occlude(photograph, placed_by, occluder, cache)
        cache.keep_faces(occlusion.image, photograph.pixels)
    for network in shown:
        report(len(results) * total // len(shown), total, network.title)
        before = _label(network, photograph.pixels, cache)
        if occlusion is None:
            results.append(NetworkResult(network=network, before=before))
            continue
        after = _label(network, occlusion.image, cache)
        effect = occlusion_effect(before.labels, after.labels, occlusion, network.predictor.classes)
        results.append(NetworkResult(network=network, before=before, after=after, effect=effect))
    faces = cache.face_count(photograph.pixels)
    return Inspection(tuple(results), occlusion, placed_by, faces)


def severity_range(kind: str) -> SeverityRange:
    """Return the severities that a slider offers for a kind of occluder."""
    steps = severities(kind)
    factor = 1 if has_steps(kind) else 100
    return SeverityRange(
        low=factor * steps[0],
        high=factor * steps[-1],
        step=1,
        default=factor * steps[len(steps) // 2],
    )


def _occlude(
    photograph: UploadedPhotograph,
    network: DemoNetwork,
    occluder: OccluderChoice,
    cache: LabelCache,
) -> Occlusion:
    labels = cache.labels(network, photograph.pixels)
    return occlude(
        photograph.pixels,
        labels,
        photograph.digest,
        occluder.kind,
        occluder.fraction_or_step,
        network.predictor.classes,
        occluder.replica,
    )


def _label(network: DemoNetwork, image: Pixels, cache: LabelCache) -> LabelledImage:
    labels = cache.labels(network, image)
    return LabelledImage(image, labels, class_shares(labels, network.predictor.classes))
