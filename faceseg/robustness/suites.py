"""The three suites: occluders (`occ-v1`), corruptions (`cor-v1`), geometry (`geo-v1`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.robustness import corruption, geometry, occlusion
from faceseg.robustness.occlusion import Occlusion

TRUTH = "truth"  # the policy of suites in which an image keeps its labels, moved or not


def _zero_severity(kind: str) -> float:
    return 0.0


# --- How an image looks under a condition, and by what labels its prediction is then scored.
#
# Shapes: H rows, W columns of the image's own size.

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

CLEAN = "clean"  # the kind of the images as they are
AGREEMENT = "agreement"  # the policy that compares with the prediction of the clean image


@dataclass(frozen=True)
class View:
    """One image under one condition.

    `image` (H, W, 3); `labels` (H, W) those of the image as it was; `truth` the labels to score
    by, under each policy. `move` brings labels of the clean image to this one (255 where it
    shows what that did not): with it, the clean image's prediction is moved too, and how far
    the two predictions agree is counted. `occlusion` is what was drawn, where something was.
    """

    image: Image
    labels: Labels
    truth: Mapping[str, Labels]
    move: Callable[[Labels], Labels] | None = None
    occlusion: Occlusion | None = None


@dataclass(frozen=True)
class Suite:
    """A robustness protocol.

    `policies`: the ways to score, the headline first. `kinds` are those that a class set
    allows, `severities` those of a kind, mildest first, `neutral` the severity at which a kind
    changes nothing. `views(image, labels, image_id, kind, classes)` gives an image at every
    severity of a kind, or as it is for the kind `clean`.
    `by_share`: severities are shares of the face, so that a mean over them is an area.
    """

    version: str
    policies: tuple[str, ...]
    kinds: Callable[[ClassSet], tuple[str, ...]]
    severities: Callable[[str], tuple[float, ...]]
    neutral: Callable[[str], float]
    views: Callable[[Image, Labels, str, str, ClassSet], list[View]]
    by_share: bool = False


def _occluded_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, dict.fromkeys(occlusion.POLICIES, labels))]
    steps = occlusion.severities(kind)
    drawn = occlusion.occlude_each(image, labels, image_id, kind, steps, classes)
    return [
        View(
            each.image,
            labels,
            {policy: occlusion.relabel(labels, each, policy) for policy in occlusion.POLICIES},
            occlusion=each,
        )
        for each in drawn
    ]


def _corrupted_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, {TRUTH: labels})]
    images = corruption.corrupt_each(image, image_id, kind, corruption.SEVERITIES)
    return [View(each, labels, {TRUTH: labels}) for each in images]


def _moved_views(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, {TRUTH: labels}, lambda clean: clean)]
    moves = geometry.moves_for(labels, image_id, kind, classes)
    return [
        View(each.image(image), labels, {TRUTH: each.labels(labels)}, each.labels) for each in moves
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
