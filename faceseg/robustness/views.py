"""How an image looks under a condition, and by what labels its prediction is then scored.

Shapes: H rows, W columns of the image's own size.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.robustness.occlusion import Occlusion

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
