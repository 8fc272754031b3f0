"""The images on which a file is compared with Keras, and those that set its 8-bit scales.

Shapes: N images, h rows, w columns of the grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from faceseg.data.drawn import draw_face
from faceseg.data.images import read_image, resize_image
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from pipelines.predict.image_files import find_images

Batch = NDArray[np.uint8]

MAX_TEST_IMAGES = 32
MAX_CALIBRATION_IMAGES = 100  # more change the scales little


@dataclass(frozen=True)
class SampleImages:
    """Images on the grid, uint8 RGB (N, h, w, 3); `test` and `calibration` share none.

    source: the folder, or "drawn faces".
    """

    test: Batch
    calibration: Batch
    source: str


def draw_sample_images(
    grid: tuple[int, int], *, calibrating: int = MAX_CALIBRATION_IMAGES
) -> SampleImages:
    """Draw faces, the same ones at every call.

    Args:
        grid: Rows and columns of the network's input.
        calibrating: How many faces to draw for calibration.
    """

    def draw(split: str, count: int) -> Batch:
        faces = (draw_face(("export", split, index), max(grid)).image for index in range(count))
        drawn = [resize_image(face, grid) for face in faces]
        return np.reshape(np.array(drawn, np.uint8), (count, *grid, 3))

    return SampleImages(
        draw("test", MAX_TEST_IMAGES), draw("calibration", calibrating), "drawn faces"
    )


def read_sample_images(folder: Path, grid: tuple[int, int], console: Console) -> SampleImages:
    """Read a folder's images in order, alternately for the test and for calibration.

    Duplicates are used once; unreadable images are printed and skipped.

    Raises:
        UserError: The folder does not exist, or contains fewer than two readable images.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist; --images expects a folder with photographs")
    found: dict[bytes, Batch] = {}
    for image in _readable(folder, grid, console):
        found.setdefault(image.tobytes(), image)
        if len(found) == MAX_TEST_IMAGES + MAX_CALIBRATION_IMAGES:
            break
    if len(found) < 2:
        raise UserError(
            f"{folder} contains {len(found)} different readable images; expected 2 or more: "
            "one half tests the file, the other sets its 8-bit scales"
        )
    images = list(found.values())
    test = images[: 2 * MAX_TEST_IMAGES : 2]
    calibration = images[1 : 2 * MAX_TEST_IMAGES : 2] + images[2 * MAX_TEST_IMAGES :]
    return SampleImages(np.stack(test), np.stack(calibration[:MAX_CALIBRATION_IMAGES]), str(folder))


def _readable(folder: Path, grid: tuple[int, int], console: Console) -> Iterator[Batch]:
    for file in find_images([str(folder)]):
        try:
            yield resize_image(read_image(file), grid)
        except BadFile as error:
            console.print(f"skipped: {error}", style="yellow", markup=False, highlight=False)
