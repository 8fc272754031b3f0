"""What the page shows of a photograph: its labels by several networks, with and without an
occluder. Pure: photograph, networks and occluder in, label maps and figures out.

Shapes: H rows, W columns of the photograph as it is worked on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faceseg.robustness.occlusion import Occlusion, has_steps, occlude, severities
from pipelines.demo.damage import Damage, damage
from pipelines.demo.labeller import Labeller
from pipelines.demo.networks import Network
from pipelines.demo.photograph import Photograph, Pixels
from pipelines.predict.results import shares

Report = Callable[[int, int, str], None]  # how many label maps are done, of how many, by whom


@dataclass(frozen=True)
class Cover:
    """An occluder to be put over the face.

    severity: a percentage of the face, or the number of a step (`has_steps`). replica: which of
    the many that could be drawn.
    """

    kind: str
    severity: float
    replica: int = 0

    @property
    def amount(self) -> float:
        """The severity as `faceseg.robustness.occlusion` takes it."""
        return self.severity if has_steps(self.kind) else self.severity / 100


@dataclass(frozen=True)
class Scale:
    """The severities of a kind as a slider has them: steps, or percentages of the face."""

    low: float
    high: float
    step: float
    usual: float


@dataclass(frozen=True)
class Labelled:
    """An image (H, W, 3), a network's labels of it (H, W), and the share of each class by name."""

    image: Pixels
    labels: Pixels
    shares: dict[str, float]


@dataclass(frozen=True)
class Finding:
    """What one network makes of the photograph, and of the occluded one where there is one."""

    network: Network
    before: Labelled
    after: Labelled | None = None
    damage: Damage | None = None


@dataclass(frozen=True)
class Inspection:
    """The findings of the networks, in their order.

    `occlusion` is what all of them were shown; `placed_by` the network by whose labels it was
    put over the face.
    """

    findings: tuple[Finding, ...]
    occlusion: Occlusion | None
    placed_by: Network


def inspect(
    photograph: Photograph,
    shown: Sequence[Network],
    placed_by: Network,
    cover: Cover | None,
    *,
    labeller: Labeller,
    report: Report,
) -> Inspection:
    """Label a photograph with the networks shown; with a cover, an occluded one beside it.

    All networks see the same occluder, so that they can be compared. UserError for a kind or a
    severity that there is not.
    """
    total = len(shown) * (1 if cover is None else 2)
    findings: list[Finding] = []
    occlusion = None
    if cover is not None:
        occlusion = _occluded(photograph, placed_by, cover, labeller)
    for network in shown:
        report(len(findings) * total // len(shown), total, network.title)
        before = _labelled(network, photograph.pixels, labeller)
        if occlusion is None:
            findings.append(Finding(network, before))
            continue
        after = _labelled(network, occlusion.image, labeller)
        hurt = damage(before.labels, after.labels, occlusion, network.predictor.classes)
        findings.append(Finding(network, before, after, hurt))
    return Inspection(tuple(findings), occlusion, placed_by)


def scale_of(kind: str) -> Scale:
    """Return what a slider offers of a kind."""
    steps = severities(kind)
    if has_steps(kind):
        return Scale(steps[0], steps[-1], 1, steps[len(steps) // 2])
    return Scale(100 * steps[0], 100 * steps[-1], 1, 100 * steps[len(steps) // 2])


def _occluded(
    photograph: Photograph, network: Network, cover: Cover, labeller: Labeller
) -> Occlusion:
    labels = labeller.labels(network, photograph.pixels)
    return occlude(
        photograph.pixels,
        labels,
        photograph.digest,
        cover.kind,
        cover.amount,
        network.predictor.classes,
        cover.replica,
    )


def _labelled(network: Network, image: Pixels, labeller: Labeller) -> Labelled:
    labels = labeller.labels(network, image)
    return Labelled(image, labels, shares(labels, network.predictor.classes))
