"""The results of a prediction: a palette PNG, an overlay and the share of each class.

Shapes: H rows, W columns of the photograph, after its EXIF rotation.
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.atomic_files import write_atomically
from faceseg.data.classes import ClassSet
from faceseg.detection.face import Face
from faceseg.errors import UserError
from pipelines.config.file_errors import reason_and_advice

Pixels = NDArray[np.uint8]

OPACITY = 0.5
ROWS_PER_BLOCK = 64  # rows that are blended at once: the numbers take 8 times the memory of pixels
MASKS, OVERLAYS, SHARES_FILE = "masks", "overlays", "shares.json"
NO_FACE = "no face was found; the whole image was labelled"
MAX_LISTED_FILES = 5  # files that an error message lists


def mask_path(folder: Path, name: str) -> Path:
    """Return the path of an image's mask."""
    return folder / MASKS / f"{name}.png"


def overlay_path(folder: Path, name: str) -> Path:
    """Return the path of an image's overlay."""
    return folder / OVERLAYS / f"{name}.jpg"


def refuse_overwriting(folder: Path, names: Sequence[str]) -> None:
    """Raise an error if results exist already.

    Raises:
        UserError: A mask or an overlay of these names, or `shares.json`, exists in `folder`.
    """
    paths = [folder / SHARES_FILE]
    paths += [path(folder, name) for name in names for path in (mask_path, overlay_path)]
    if existing := [path for path in paths if path.exists()]:
        listed = ", ".join(map(str, existing[:MAX_LISTED_FILES]))
        others = len(existing) - MAX_LISTED_FILES
        more = f" and {others} more" if others > 0 else ""
        raise UserError(
            f"{listed}{more} would be overwritten; give another folder with --out, or --overwrite"
        )


def refuse_overwriting_inputs(folder: Path, names: Sequence[str], images: Sequence[Path]) -> None:
    """Raise an error if a result would replace one of the images themselves.

    Raises:
        UserError: A mask or an overlay of these names has the path of an image.
    """
    results = {path(folder, name) for name in names for path in (mask_path, overlay_path)}
    replaced = {os.path.realpath(each) for each in results} & set(map(os.path.realpath, images))
    if replaced:
        raise UserError(
            f"{min(replaced)} is one of the images and would be overwritten by a result; give "
            "another folder with --out"
        )


@dataclass(frozen=True)
class ResultsFolder:
    """A folder of results: `masks/<name>.png`, `overlays/<name>.jpg`, `shares.json`."""

    folder: Path
    classes: ClassSet
    images: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(
        self,
        name: str,
        file: Path,
        image: Pixels,
        labels: Pixels,
        faces: Sequence[Face] | None = None,
    ) -> None:
        """Write mask and overlay of an image (H, W, 3) with labels (H, W): both or none.

        `faces` are the faces that were found, if they were looked for.
        """
        mask, drawn = mask_path(self.folder, name), overlay_path(self.folder, name)
        blended = overlay(image, labels, self.classes)
        write_results(
            {
                mask: palette_png(labels, self.classes),
                drawn: _encode(Image.fromarray(blended), "JPEG", quality=92),
            }
        )
        self.images[name] = {
            "file": str(file),
            "size": list(labels.shape),
            "mask": mask.relative_to(self.folder).as_posix(),
            "overlay": drawn.relative_to(self.folder).as_posix(),
            "shares": class_shares(labels, self.classes),
            **({} if faces is None else describe_faces(faces)),
        }

    def face_counts(self) -> str:
        """Return the number of faces, and in how many images none was found."""
        counts = [len(image["faces"]) for image in self.images.values()]
        text = f"{sum(counts)} {'face' if sum(counts) == 1 else 'faces'} found"
        if without := counts.count(0):
            text += f"; none in {without} of {len(counts)} images, which were labelled as a whole"
        return text

    def write_shares(self, unreadable: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Write `shares.json`: the class shares of each image, and why others were unreadable.

        A byte of a file's name that is not UTF-8 becomes JSON's escape of a surrogate, from
        which Python's `json` and `open` restore the name.
        """
        content = {**facts, "images": self.images, "unreadable": dict(unreadable)}
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_results({self.folder / SHARES_FILE: text.encode("utf-8", "backslashreplace")})


def describe_faces(faces: Sequence[Face]) -> dict[str, Any]:
    """Return faces as JSON values, and a note if there are none."""
    found = list_faces(faces)
    return {"faces": found} if found else {"faces": [], "note": NO_FACE}


def list_faces(faces: Sequence[Face]) -> list[dict[str, Any]]:
    """Return faces as JSON values.

    A face has its box (x, y, width, height in pixels), its roll in degrees, clockwise, and its
    score in [0, 1].
    """
    return [
        {
            "box": [round(side, 1) for side in face.box],
            "roll": round(face.roll, 1),
            "score": round(face.score, 3),
        }
        for face in faces
    ]


def class_shares(labels: Pixels, classes: ClassSet) -> dict[str, float]:
    """Return the share of the image's pixels in each class; the shares sum to 1."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    return {
        name: float(count / labels.size) for name, count in zip(classes.names, counts, strict=True)
    }


def overlay(image: Pixels, labels: Pixels, classes: ClassSet) -> Pixels:
    """Blend the colours of the foreground classes over an image, half transparent."""
    blended = image.copy()
    for first in range(0, len(image), ROWS_PER_BLOCK):
        rows = slice(first, first + ROWS_PER_BLOCK)
        mixed = (1 - OPACITY) * image[rows] + OPACITY * classes.colour(labels[rows])
        foreground = labels[rows] > 0
        blended[rows][foreground] = np.rint(mixed[foreground])
    return blended


def palette_png(labels: Pixels, classes: ClassSet) -> bytes:
    """Return a PNG whose pixel values are class ids and whose palette is the class set's."""
    picture = Image.fromarray(labels)
    picture.putpalette([channel for colour in classes.palette for channel in colour])
    return _encode(picture, "PNG", optimize=True)


def write_results(files: Mapping[Path, bytes]) -> None:
    """Write all of these files or none.

    Raises:
        UserError: A file cannot be written.
    """
    try:
        write_atomically(files)
    except OSError as error:
        raise unwritable(error.filename, error) from error


def unwritable(path: Path | str, error: OSError) -> UserError:
    """Return the error of a result that cannot be written."""
    return UserError(f"{path} cannot be written: {reason_and_advice(error)}, or give another --out")


def _encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
