"""How well two networks agree on the same images, and whether that will do.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics import PRESENT_PIXELS, class_iou, confusion, mean_of_defined
from pipelines.export.formats import Bound

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Agreement:
    """One network's answers against those of Keras.

    pixels: share of pixels with the same label. iou: of the two label maps, counted over all
    images, mean over the classes to which Keras gives at least 16 pixels. error: root mean
    square of the logits' differences, in standard deviations of Keras's logits; it tells a
    wrong file even where both label everything as background. largest: of these differences.
    """

    pixels: float
    iou: float
    error: float
    largest: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def compare(expected: Logits, found: Logits) -> Agreement:
    """Compare logits (N, h, w, C) with those of Keras.

    Raises ValueError for other shapes. A number that is none makes error and largest infinite.
    """
    if expected.shape != found.shape:
        raise ValueError(f"logits of shape {found.shape}; Keras gives {expected.shape}")
    true, labels = expected.argmax(axis=-1), found.argmax(axis=-1)
    counts = confusion(true, labels, expected.shape[-1])
    ious = np.where(counts.sum(axis=1) >= PRESENT_PIXELS, class_iou(counts), np.nan)
    difference = found.astype(np.float64) - expected
    difference[~np.isfinite(difference)] = np.inf
    spread = max(float(expected.std()), float(np.finfo(np.float32).tiny))
    return Agreement(
        pixels=float(np.mean(true == labels)),
        iou=float(mean_of_defined(ious)),
        error=float(np.sqrt(np.mean(difference**2))) / spread,
        largest=float(np.abs(difference).max()),
    )


def refusals(agreement: Agreement, bound: Bound) -> list[str]:
    """Return why a file that agrees so must not be kept; nothing if it may be."""
    found = []
    if not agreement.pixels >= bound.pixels:
        found.append(
            f"{agreement.pixels:.2%} of the pixels have Keras's label, not {bound.pixels:.2%}"
        )
    if not agreement.iou >= bound.iou:
        found.append(f"the IoU with Keras's label maps is {agreement.iou:.3f}, not {bound.iou:.3f}")
    if not agreement.error <= bound.error:
        found.append(
            f"the logits are {agreement.error:.2g} standard deviations off, not within "
            f"{bound.error:.2g}"
        )
    return found
