"""Occlusion of an image at one or several severities, its labels, and a checksum of masks."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet
from faceseg.data.prefetch import prefetch_map
from faceseg.robustness.occlusion.kinds import (
    VERSION,
    check_severity,
    draw_function,
    has_steps,
    severities,
)
from faceseg.robustness.occlusion.occluder import (
    NEVER,
    Image,
    Labels,
    Mask,
    Occluder,
    OccluderInput,
)
from faceseg.robustness.seeds import generator_for

Policy = Literal["visible", "unoccluded"]
POLICIES: tuple[Policy, ...] = ("visible", "unoccluded")


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """An occluded image.

    Attributes:
        image: uint8 RGB (H, W, 3).
        mask: The covered pixels (H, W).
        coverage: The share of the face's pixels that are covered.
        label: The id that covered pixels show: 0 or the hair's id; None where the face shows
            through.
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
    """Occlude one image. The same arguments give the same occluder anywhere, in any order.

    Args:
        image: uint8 RGB (H, W, 3); it is not modified.
        labels: Class ids (H, W).
        image_id: The id of the image, a part of the key of its random numbers.
        kind: One of `KINDS`, or `REFERENCE_KIND`.
        severity: One of the kind's `severities`, or any share of the face up to 0.5.
        classes: The class set of the labels.
        replica: Another number gives another occluder.

    Returns:
        The occluded image. An image without face pixels is unchanged, with coverage 0.

    Raises:
        UserError: The kind or the severity is unknown, or the class set lacks a class that the
            kind requires.
        ValueError: The image and its labels do not have the same size.
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
    """Occlude one image at several severities with the same occluder; see `occlude`."""
    draw = draw_function(kind, classes)
    for severity in severities:
        check_severity(kind, severity)
    if image.shape != (*labels.shape, 3) or image.dtype != np.uint8:
        raise ValueError(f"image {image.dtype} {image.shape} does not fit labels {labels.shape}")
    source = OccluderInput(
        image=image,
        labels=labels,
        classes=classes,
        generator=generator_for(VERSION, kind, image_id, replica),
    )
    if not source.face.any():
        mask = np.zeros(labels.shape, np.bool_)
        unchanged = Occlusion(image=image.copy(), mask=mask, coverage=0.0, label=0)
        return [unchanged for _ in severities]
    occluder = draw(source)
    growth = np.sort(occluder.growth[source.face])
    scales = [
        int(severity) if has_steps(kind) else scale_for(growth, severity) for severity in severities
    ]
    return [
        _occlusion_at(occluder, scale, image, covered_pixels(growth, scale) / len(growth))
        for scale in scales
    ]


def relabel(labels: Labels, occlusion: Occlusion, policy: Policy) -> Labels:
    """Return the labels (H, W) to score an occluded image by.

    Under a translucent occluder the labels do not change, under every policy.

    Args:
        labels: The labels (H, W) of the image without the occluder.
        occlusion: The occluded image.
        policy: `visible` gives covered pixels the label of the occluder, background or hair, so
            that all pixels are scored. `unoccluded` makes covered pixels ignored (255), so that
            only errors beside the occluder are counted.

    Raises:
        ValueError: The policy is unknown.
    """
    if policy not in POLICIES:
        raise ValueError(f"label policy {policy!r}: expected one of {', '.join(POLICIES)}")
    changed = labels.copy()
    if occlusion.label is not None:
        changed[occlusion.mask] = occlusion.label if policy == "visible" else IGNORE
    return changed


def _occlusion_at(occluder: Occluder, scale: int, image: Image, coverage: float) -> Occlusion:
    mask = occluder.mask(scale)
    return Occlusion(
        image=occluder.paint(image, mask), mask=mask, coverage=coverage, label=occluder.label
    )


def scale_for(growth: NDArray[np.int32], share: float) -> int:
    """Return the scale whose mask covers the share of the face nearest to `share`.

    If two scales are equally near, the result is the smaller one. A larger share never has a
    smaller scale.

    Args:
        growth: The growth of the face's pixels, sorted, (K,) with K at least 1.
        share: The share of the face to cover, 0 to 1.
    """
    wanted = share * len(growth)
    # The result of a bisection over all scales: the growth of the last pixel that is needed.
    last = max(0, math.ceil(wanted) - 1)
    high = min(max(int(growth[last]), 1), NEVER - 1)
    low = high - 1
    missing = wanted - covered_pixels(growth, low)
    excess = covered_pixels(growth, high) - wanted
    return high if excess < missing else low


def covered_pixels(growth: NDArray[np.int32], scale: int) -> int:
    """Return the number of pixels that a scale covers; `growth` (K,) is sorted."""
    return int(np.searchsorted(growth, scale, side="right"))


def mask_digest(
    images: Iterable[tuple[str, Labels]],
    kinds: Sequence[str],
    classes: ClassSet,
    replica: int = 0,
    threads: int = 1,
) -> str:
    """Return a checksum of the masks of a list of images at all severities.

    Masks depend on labels and ids alone, so no pictures are needed. The checksum depends on the
    order of the images and kinds, but not on the number of threads.

    Args:
        images: (id, labels (H, W)) of each image.
        kinds: The kinds to draw.
        classes: The class set of the labels.
        replica: As in `occlude`.
        threads: The number of threads that draw.

    Returns:
        SHA-256, hexadecimal.
    """

    def parts(item: tuple[str, Labels]) -> list[bytes]:
        image_id, labels = item
        blank = np.zeros((*labels.shape, 3), np.uint8)
        found = []
        for kind in kinds:
            steps = severities(kind)
            drawn = occlude_each(blank, labels, image_id, kind, steps, classes, replica)
            for severity, occlusion in zip(steps, drawn, strict=True):
                name = json.dumps([image_id, kind, severity, replica, *labels.shape])
                found += [name.encode(), np.packbits(occlusion.mask).tobytes()]
        return found

    digest = hashlib.sha256(VERSION.encode())
    for image_parts in prefetch_map(parts, images, threads):
        for part in image_parts:
            digest.update(part)
    return digest.hexdigest()
