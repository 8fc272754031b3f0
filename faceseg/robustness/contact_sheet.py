"""A contact sheet: one photograph under every kind and severity of a suite."""

from collections.abc import Sequence

import cv2
import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image
from faceseg.robustness.suites import CLEAN, Image, Labels, Suite, View

_LINE = 18  # pixels of a line of writing
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
    """Return one RGB picture: a row a kind (all that there are), a column a severity.

    The image as it is stands first in each row; above each picture, its severity. `painted`
    shows the labels to score by, under the suite's headline policy, in place of the picture.
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
    wide = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, wide - row.shape[1]), (0, 0)), constant_values=_WHITE)
        for row in rows
    ]
    return np.concatenate(padded, axis=0)


def _shown(view: View, suite: Suite, classes: ClassSet, painted: bool) -> Image:
    return classes.colour(view.truth[suite.policies[0]]) if painted else view.image


def _cell(image: Image, caption: str, side: int) -> Image:
    """Return a picture `side` pixels high on white, under a line of writing."""
    height, width = image.shape[:2]
    small = resize_image(image, (side, max(1, round(side * width / height))))
    cell = cv2.copyMakeBorder(small, _LINE, 2, 1, 1, cv2.BORDER_CONSTANT, value=(_WHITE,) * 3)
    cv2.putText(
        cell, caption, (3, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _BLACK, 1, cv2.LINE_AA
    )
    return np.asarray(cell, np.uint8)
