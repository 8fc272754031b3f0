"""A contact sheet: one photograph under every kind and severity of a suite."""

from collections.abc import Sequence

import cv2
import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image
from faceseg.robustness.suites import CLEAN, Image, Labels, Suite, View

_LINE = 18  # height of a caption in pixels
_WHITE, _BLACK = 255, (0, 0, 0)


def contact_sheet(
    suite: Suite,
    image: Image,
    labels: Labels,
    image_id: str,
    classes: ClassSet,
    *,
    kinds: Sequence[str] | None = None,
    side: int = 160,
    painted: bool = False,
) -> Image:
    """Draw one image under every kind (rows) and severity (columns) of a suite.

    Each row starts with the unchanged image; the caption of a picture is its severity.

    Args:
        suite: The robustness suite.
        image: uint8 RGB (H, W, 3).
        labels: Class ids (H, W).
        image_id: The id of the image, which determines all random numbers.
        classes: The class set of the labels.
        kinds: The kinds to show; by default all.
        side: Height of each picture in pixels.
        painted: Whether to show, in place of the picture, the labels to score by under the
            suite's first policy.

    Returns:
        uint8 RGB (rows, columns, 3).
    """
    rows = []
    for kind in suite.kinds(classes) if kinds is None else kinds:
        views = suite.views(image, labels, image_id, CLEAN, classes)
        views += suite.views(image, labels, image_id, kind, classes)
        steps = [f"{step:g}" for step in suite.severities(kind)]
        captions = [kind.replace("_", " "), *steps]
        cells = [
            _cell(_shown(view, suite, classes, painted), caption, side)
            for view, caption in zip(views, captions, strict=True)
        ]
        rows.append(np.concatenate(cells, axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=_WHITE)
        for row in rows
    ]
    return np.concatenate(padded, axis=0)


def _shown(view: View, suite: Suite, classes: ClassSet, painted: bool) -> Image:
    return classes.colour(view.truth[suite.policies[0]]) if painted else view.image


def _cell(image: Image, caption: str, side: int) -> Image:
    """Return a picture of `side` pixels height on white, with a caption above it."""
    height, width = image.shape[:2]
    small = resize_image(image, (side, max(1, round(side * width / height))))
    cell = cv2.copyMakeBorder(small, _LINE, 2, 1, 1, cv2.BORDER_CONSTANT, value=(_WHITE,) * 3)
    cv2.putText(
        cell, caption, (3, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _BLACK, 1, cv2.LINE_AA
    )
    return np.asarray(cell, np.uint8)
