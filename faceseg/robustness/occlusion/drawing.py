"""Occluding an image: one call for one severity, or one drawing for several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from faceseg.classes import IGNORE, ClassSet
from faceseg.robustness.occlusion.kinds import VERSION, check_severity, drawing, has_steps
from faceseg.robustness.occlusion.scene import Image, Labels, Mask, Scene, Shape
from faceseg.robustness.occlusion.severity import covered, scale_for
from faceseg.robustness.seeds import generator_for

Policy = Literal["visible", "unoccluded"]
POLICIES: tuple[Policy, ...] = ("visible", "unoccluded")


@dataclass(frozen=True)
class Occlusion:
    """An occluded image.

    `image` (H, W, 3) uint8; `mask` (H, W) says which pixels are covered; `coverage` is the
    share of the face's pixels among them, as reached; `label` is what covered pixels show:
    0, the hair's id, or None where the face shows through.
    """

    image: Image
    mask: Mask
    coverage: float
    label: int | None


def occlude(  # noqa: PLR0917  the protocol's own arguments, in its order
    image: Image,
    labels: Labels,
    image_id: str,
    kind: str,
    severity: float,
    classes: ClassSet,
    replica: int = 0,
) -> Occlusion:
    """Occlude one image, RGB (H, W, 3), with labels (H, W); neither is changed.

    The same arguments give the same occluder anywhere, in any order; `replica` asks for
    another one. An image without face pixels comes back as it is, with coverage 0.
    Raises UserError for a kind or a severity that there is not.
    """
    return occlude_each(image, labels, image_id, kind, (severity,), classes, replica)[0]


def occlude_each(  # noqa: PLR0917  as `occlude`
    image: Image,
    labels: Labels,
    image_id: str,
    kind: str,
    severities: Sequence[float],
    classes: ClassSet,
    replica: int = 0,
) -> list[Occlusion]:
    """Occlude one image at several severities, drawing once; otherwise as `occlude`."""
    draw = drawing(kind, classes)
    for severity in severities:
        check_severity(kind, severity)
    if image.shape != (*labels.shape, 3) or image.dtype != np.uint8:
        raise ValueError(f"image {image.dtype} {image.shape} does not fit labels {labels.shape}")
    scene = Scene(image, labels, classes, generator_for(VERSION, kind, image_id, replica))
    if not scene.face.any():
        untouched = Occlusion(image.copy(), np.zeros(labels.shape, np.bool_), 0.0, 0)
        return [untouched for _ in severities]
    shape = draw(scene)
    growth = np.sort(shape.growth[scene.face])
    scales = [
        int(severity) if has_steps(kind) else scale_for(growth, severity) for severity in severities
    ]
    return [_at(shape, scale, image, covered(growth, scale) / len(growth)) for scale in scales]


def relabel(labels: Labels, occlusion: Occlusion, policy: Policy) -> Labels:
    """Return the labels (H, W) to score an occluded image by.

    `visible`: covered pixels are what is seen there, background or hair, and all is
    scored. `unoccluded`: covered pixels are ignored, so that only damage beside the
    occluder counts. Under a see-through occluder labels stand, whatever the policy.
    Raises ValueError for another policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"label policy {policy!r}: expected one of {', '.join(POLICIES)}")
    changed = labels.copy()
    if occlusion.label is not None:
        changed[occlusion.mask] = occlusion.label if policy == "visible" else IGNORE
    return changed


def _at(shape: Shape, scale: int, image: Image, coverage: float) -> Occlusion:
    mask = shape.mask(scale)
    return Occlusion(shape.paint(image, mask), mask, coverage, shape.label)
