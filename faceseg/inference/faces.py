"""Labels of every face of a photograph: each face is cropped upright, labelled and pasted back.

Shapes: N crops; H, W the photograph's own size; h, w the network's grid; C classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.detection.crop import Framing, Square, natural_crop
from faceseg.detection.face import Face, FaceDetector
from faceseg.inference.channels import by_channels
from faceseg.inference.label_maps import label_maps, mean_logits, remove_small_islands
from faceseg.inference.predictor import (
    Image,
    Labels,
    Predictor,
    argmax_labels,
)

VALUES_PER_BLOCK = 2**22  # logits that are warped at once, 16 MiB
ROWS_PER_BLOCK = 32  # of distances, so that those of a large photograph fit a processor's cache


@dataclass(frozen=True)
class LabelledFaces:
    """The labels (H, W) of a photograph, and its faces.

    Without a face, the labels are those of the whole photograph.
    """

    labels: Labels
    faces: tuple[Face, ...]


def label_faces(
    predictor: Predictor,
    image: Image,
    detector: FaceDetector,
    *,
    framing: Framing | None = None,
    flip: bool = False,
    clean: bool = False,
    batch: int = 8,
) -> LabelledFaces:
    """Label every face of a photograph at its own size; all other pixels become background.

    Args:
        predictor: The network.
        image: uint8 RGB (H, W, 3).
        detector: Finds the faces (see `faceseg.detection`).
        framing: The place of a face in its crop; None for that of the network's training.
        flip: As in `label_maps`.
        clean: Remove small islands of each face (see `remove_small_islands`).
        batch: Crops per call of the network.

    Returns:
        The labels and the faces; without a face, the labels of `label_maps`.

    Raises:
        ValueError: The image has another type or shape (see `Predictor.predict`).

    Example:
        >>> from faceseg.detection.blazeface import BlazeFace
        >>> found = label_faces(faceseg.load("best.keras"), image, BlazeFace())
        >>> len(found.faces), found.labels.shape
    """
    predictor.check_image(image)
    predictor = predictor.of_crops
    faces = detector.detect(image)
    if not faces:
        return LabelledFaces(label_maps(predictor, [image], flip=flip, clean=clean)[0], ())
    framing = framing or Framing.of(predictor.origin)
    squares = [framing.square(face) for face in faces]
    crops = crops_with_logits(predictor, image, squares, flip=flip, batch=batch)
    logits = [values for _, values in crops]
    labels = paste_faces(logits, squares, (image.shape[0], image.shape[1]), clean=clean)
    return LabelledFaces(labels, tuple(faces))


def crops_with_logits(
    predictor: Predictor, image: Image, squares: Sequence[Square], *, flip: bool, batch: int
) -> Iterator[tuple[Image, NDArray[np.float32]]]:
    """Yield the crop of each square with its logits (h, w, C); `batch` crops are kept at once."""
    for first in range(0, len(squares), batch):
        crops = face_crops(image, squares[first : first + batch])
        yield from zip(crops, mean_logits(predictor, crops, flip), strict=True)


def face_crops(image: Image, squares: Sequence[Square]) -> list[Image]:
    """Return the upright crop of each square, at the photograph's own resolution or smaller."""
    return [natural_crop(image, square) for square in squares]


def paste_faces(
    logits: Sequence[NDArray[np.float32]],
    squares: Sequence[Square],
    size: tuple[int, int],
    *,
    clean: bool = False,
) -> Labels:
    """Return the labels (H, W) of a photograph from the logits of its squares.

    The logits are warped and the argmax is taken at the photograph's own size, so that an edge is
    not stepped. A pixel in several squares gets the label of that whose centre is the nearest,
    measured in sides of the square.

    Args:
        logits: The logits (h, w, C) of each square.
        squares: The squares, in the order of the logits.
        size: The photograph's size (H, W).
        clean: As in `label_faces`.
    """
    labels = np.zeros(size, np.uint8)
    owners = _owners(squares, size)
    for number, (square, values) in enumerate(zip(squares, logits, strict=True), 1):
        rows, columns = _own_box(owners, number, square)
        found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        step = max(1, VALUES_PER_BLOCK // max(1, found.shape[1] * values.shape[2]))
        for first in range(0, len(found), step):  # a large photograph's logits take gigabytes
            block = slice(rows.start + first, min(rows.start + first + step, rows.stop))
            found[first : first + step] = argmax_labels(_warp(values, square, block, columns))
        if clean and found.size:
            found = remove_small_islands(found)
        mine = owners[rows, columns] == number
        labels[rows, columns][mine] = found[mine]
    return labels


def _warp(
    logits: NDArray[np.float32], square: Square, rows: slice, columns: slice
) -> NDArray[np.float32]:
    """Return the logits of a part of the photograph from those of a square."""
    matrix = square.to_photograph((logits.shape[0], logits.shape[1]))
    matrix[:, 2] -= (columns.start, rows.start)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return by_channels(
        lambda part: cv2.warpAffine(
            part, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        logits,
    )


def _owners(squares: Sequence[Square], size: tuple[int, int]) -> NDArray[np.unsignedinteger]:
    """Return the number, from 1, of the square that each pixel (H, W) belongs to, or 0."""
    owners = np.zeros(size, np.min_scalar_type(len(squares)))
    for first in range(0, size[0], ROWS_PER_BLOCK):
        end = min(first + ROWS_PER_BLOCK, size[0])
        least = np.full((end - first, size[1]), 0.5, np.float32)  # of a side: a square's border
        for number, square in enumerate(squares, 1):
            reached, columns = square.bounds(size)
            rows = slice(max(first, reached.start), min(end, reached.stop))
            if rows.start >= rows.stop:
                continue
            before = least[rows.start - first : rows.stop - first, columns]
            distance = _distance(square, rows, columns)
            owners[rows, columns][distance <= before] = number
            np.minimum(before, distance, out=before)
    return owners


def _own_box(
    owners: NDArray[np.unsignedinteger], number: int, square: Square
) -> tuple[slice, slice]:
    """Return the rows and columns of the pixels that belong to a square.

    Only these are warped, so the time of squares that overlap is not the sum of theirs.
    """
    rows, columns = square.bounds((owners.shape[0], owners.shape[1]))
    mine = (owners[rows, columns] == number).view(np.uint8)
    left, top, width, height = cv2.boundingRect(mine) if mine.size else (0, 0, 0, 0)
    top, left = top + rows.start, left + columns.start
    return slice(top, top + height), slice(left, left + width)


def _distance(square: Square, rows: slice, columns: slice) -> NDArray[np.float32]:
    """Return the distance of each pixel of a part from a square's centre, in sides.

    It is the greater of the distances along the two axes of the square: 0.5 on its border.
    """
    inverse = cv2.invertAffineTransform(square.to_photograph((1, 1)))
    x = np.arange(columns.start, columns.stop, dtype=np.float32)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    along, down = (
        np.abs(np.float32(a) * x + (np.float32(b) * y + np.float32(c))) for a, b, c in inverse
    )
    return np.maximum(along, down)
