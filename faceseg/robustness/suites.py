"""The three suites: occlusion (`occ-v1`), corruption (`cor-v1`) and geometry (`geo-v1`).

Shapes: H rows, W columns of the image's own size.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.robustness import corruption, geometry, occlusion
from faceseg.robustness.occlusion import Occlusion

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

CLEAN = "clean"  # the kind of the unchanged images
TRUTH = "truth"  # the policy of suites in which an image keeps its labels, moved or not
AGREEMENT = "agreement"  # the policy that compares with the prediction of the clean image


@dataclass(frozen=True, kw_only=True)
class View:
    """One image under one condition.

    Attributes:
        image: RGB (H, W, 3).
        labels: The labels of the unchanged image, (H, W).
        truth: The labels (H, W) to score by, for each policy.
        move: Moves labels of the clean image to this one, with 255 for pixels that the clean
            image does not have. It also moves the prediction of the clean image, to count its
            agreement with the prediction of this one.
        occlusion: The occluder, if one was drawn.
    """

    image: Image
    labels: Labels
    truth: Mapping[str, Labels]
    move: Callable[[Labels], Labels] | None = None
    occlusion: Occlusion | None = None


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A robustness protocol.

    Attributes:
        version: Its name and version.
        policies: The label policies to score by, the headline first.
        kinds: Returns the kinds that are possible with a class set.
        severities: Returns the severities of a kind, mildest first.
        neutral: Returns the severity at which a kind changes nothing.
        views: `views(image, labels, image_id, kind, classes)` returns an image at every
            severity of a kind, or unchanged for the kind `clean`.
        by_share: Whether severities are shares of the face, so that a mean over them is an area.
    """

    version: str
    policies: tuple[str, ...]
    kinds: Callable[[ClassSet], tuple[str, ...]]
    severities: Callable[[str], tuple[float, ...]]
    neutral: Callable[[str], float]
    views: Callable[[Image, Labels, str, str, ClassSet], list[View]]
    by_share: bool = False


def _zero_severity(kind: str) -> float:
    return 0.0


def _occluded_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        truth: dict[str, Labels] = dict.fromkeys(occlusion.POLICIES, labels)
        return [View(image=image, labels=labels, truth=truth)]
    steps = occlusion.severities(kind)
    drawn = occlusion.occlude_each(image, labels, image_id, kind, steps, classes)
    return [
        View(
            image=each.image,
            labels=labels,
            truth={
                policy: occlusion.relabel(labels, each, policy) for policy in occlusion.POLICIES
            },
            occlusion=each,
        )
        for each in drawn
    ]


def _corrupted_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image=image, labels=labels, truth={TRUTH: labels})]
    images = corruption.corrupt_each(image, image_id, kind, corruption.SEVERITIES)
    return [View(image=each, labels=labels, truth={TRUTH: labels}) for each in images]


def _moved_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        truth = {TRUTH: labels}
        return [View(image=image, labels=labels, truth=truth, move=lambda clean: clean)]
    moves = geometry.moves_for(labels, image_id, kind, classes)
    return [
        View(
            image=each.image(image),
            labels=labels,
            truth={TRUTH: each.labels(labels)},
            move=each.labels,
        )
        for each in moves
    ]


OCCLUSION = Suite(
    version=occlusion.VERSION,
    policies=occlusion.POLICIES,
    kinds=occlusion.kinds_for,
    severities=occlusion.severities,
    neutral=_zero_severity,
    views=_occluded_views,
    by_share=True,
)
CORRUPTION = Suite(
    version=corruption.VERSION,
    policies=(TRUTH,),
    kinds=lambda classes: corruption.KINDS,
    severities=corruption.severities,
    neutral=_zero_severity,
    views=_corrupted_views,
)
GEOMETRY = Suite(
    version=geometry.VERSION,
    policies=(TRUTH, AGREEMENT),
    kinds=lambda classes: geometry.KINDS,
    severities=geometry.severities,
    neutral=geometry.neutral,
    views=_moved_views,
)
SUITES = {"occlusion": OCCLUSION, "corruption": CORRUPTION, "geometry": GEOMETRY}
