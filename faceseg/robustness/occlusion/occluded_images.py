"""Occluding an image: one call for one severity, or one drawing for several."""

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
    draw = draw_function(kind, classes)
    for severity in severities:
        check_severity(kind, severity)
    if image.shape != (*labels.shape, 3) or image.dtype != np.uint8:
        raise ValueError(f"image {image.dtype} {image.shape} does not fit labels {labels.shape}")
    scene = OccluderInput(image, labels, classes, generator_for(VERSION, kind, image_id, replica))
    if not scene.face.any():
        untouched = Occlusion(image.copy(), np.zeros(labels.shape, np.bool_), 0.0, 0)
        return [untouched for _ in severities]
    shape = draw(scene)
    growth = np.sort(shape.growth[scene.face])
    scales = [
        int(severity) if has_steps(kind) else scale_for(growth, severity) for severity in severities
    ]
    return [
        _occlusion_at(shape, scale, image, covered_pixels(growth, scale) / len(growth))
        for scale in scales
    ]


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


def _occlusion_at(shape: Occluder, scale: int, image: Image, coverage: float) -> Occlusion:
    mask = shape.mask(scale)
    return Occlusion(shape.paint(image, mask), mask, coverage, shape.label)


# --- The scale at which an occluder covers a wanted share of the face.


def scale_for(growth: NDArray[np.int32], share: float) -> int:
    """Find the scale whose mask covers the share of the face nearest to `share`.

    growth: that of the face's pixels, sorted (K,), K at least 1. If the two neighbours are
    equally near, the smaller mask is taken; a larger share never gets a smaller scale.
    """
    wanted = share * len(growth)
    # What a bisection of all scales ends at: the growth of the last pixel that is needed.
    last = max(0, math.ceil(wanted) - 1)
    high = min(max(int(growth[last]), 1), NEVER - 1)
    low = high - 1
    missing = wanted - covered_pixels(growth, low)
    excess = covered_pixels(growth, high) - wanted
    return high if excess < missing else low


def covered_pixels(growth: NDArray[np.int32], scale: int) -> int:
    """Count the pixels that are covered at a scale; growth (K,) is sorted."""
    return int(np.searchsorted(growth, scale, side="right"))


# --- A checksum of the masks drawn for a list of images, for the manifest.


def mask_digest(
    images: Iterable[tuple[str, Labels]],
    kinds: Sequence[str],
    classes: ClassSet,
    replica: int = 0,
    threads: int = 1,
) -> str:
    """Return a SHA-256 (hexadecimal) of all masks of (id, labels) at all severities.

    Masks depend on labels and ids alone, so no pictures are needed. The order of images
    and kinds counts: it is a checksum of this list; the number of threads does not.
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
