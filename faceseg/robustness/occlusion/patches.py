"""Hide-and-seek: cells of a grid go one by one.

Source: Singh and Lee 2017, who hide cells at random and fill them with the mean colour.
Ours go in one random order, so that a higher severity only adds cells; only cells that
touch the face go.
"""

import numpy as np

from faceseg.robustness.occlusion.scene import NEVER, Mask, Scene, Shape, flat_paint


def patches(scene: Scene) -> Shape:
    """Draw a grid, its cells 9 to 16 % of the face's width, filled with the mean colour.

    The last cell to go is filled from its middle outwards as far as the severity wants.
    """
    height, width = scene.labels.shape
    side = max(2, round(scene.box.width * float(scene.generator.uniform(0.09, 0.16))))
    down, across = (int(offset) for offset in scene.generator.integers(0, side, 2))
    rows, columns = np.arange(height) + down, np.arange(width) + across
    cells = (rows // side)[:, None] * (columns[-1] // side + 1) + columns // side
    ranks = _ranks(cells, scene.face, scene.generator)
    middle = (side - 1) / 2
    from_middle = np.maximum(np.abs(rows % side - middle)[:, None], np.abs(columns % side - middle))
    growth = ranks[cells] * side + from_middle.astype(np.int64)
    colour = scene.image.reshape(-1, 3).mean(axis=0)
    red, green, blue = (int(channel) for channel in colour)
    return Shape(
        np.minimum(growth, NEVER).astype(np.int32), flat_paint((red, green, blue), (height, width))
    )


def _ranks(
    cells: np.ndarray[tuple[int, int], np.dtype[np.int64]],
    face: Mask,
    generator: np.random.Generator,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Give each cell that touches the face its turn from 1 on, any other NEVER."""
    touching = np.flatnonzero(np.bincount(cells[face]))
    ranks = np.full(int(cells.max()) + 1, NEVER, np.int64)
    ranks[touching] = generator.permutation(len(touching)) + 1
    return ranks
