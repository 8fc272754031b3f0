"""A request's photograph on the grid of a network, made in a decoder process.

The module imports no framework, so that a decoder process stays small.

Shapes: H, W the photograph's own rows and columns; h, w those of the network's grid.
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import decode_image, resize_image

PHOTOGRAPH = "the photograph"  # its name in an error


def decode_views(
    content: bytes, max_pixels: int, grid: tuple[int, int], *, flip: bool
) -> tuple[list[NDArray[np.uint8]], tuple[int, int]]:
    """Decode a photograph and resize it.

    Args:
        content: The bytes of the file.
        max_pixels: The maximum number of pixels.
        grid: Rows and columns of the network's input.
        flip: Whether to add the mirrored image.

    Returns:
        The views, uint8 RGB (h, w, 3), and the photograph's own size (H, W).

    Raises:
        BadFile: See `decode_image`.
    """
    image = decode_image(content, PHOTOGRAPH, max_pixels)
    views = [image, np.ascontiguousarray(image[:, ::-1])] if flip else [image]
    return [resize_image(view, grid) for view in views], (image.shape[0], image.shape[1])
