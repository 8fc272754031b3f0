"""A contact sheet: drawn faces beside their labels, for the eye and for the documents."""

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import LAPA
from faceseg.data.drawn.painting import draw_face


def contact_sheet(
    rows: int = 4, columns: int = 4, size: int = 128, difficulty: float = 1.0, seed: int = 0
) -> NDArray[np.uint8]:
    """Return one RGB picture (rows * size, columns * 2 * size, 3) of rows x columns faces.

    Each face stands left of its labels in LaPa's palette; the faces are those of the keys
    (seed, "sheet", 0), (seed, "sheet", 1) and so on.
    """
    lines = []
    for row in range(rows):
        pairs = []
        for column in range(columns):
            face = draw_face((seed, "sheet", row * columns + column), size, difficulty)
            pairs += [face.image, LAPA.colour(face.labels)]
        lines.append(np.concatenate(pairs, axis=1))
    return np.concatenate(lines, axis=0)
