"""What is written of a prediction: a palette PNG, an overlay, and the share of each class.

Shapes: H rows, W columns of the photograph, after its EXIF rotation.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError

Pixels = NDArray[np.uint8]

OPACITY = 0.5
SHARES_FILE = "shares.json"
MAX_LISTED_FILES = 5  # files that a refusal names


def mask_path(folder: Path, name: str) -> Path:
    """Return where the mask of an image is."""
    return folder / "masks" / f"{name}.png"


def overlay_path(folder: Path, name: str) -> Path:
    """Return where the overlay of an image is."""
    return folder / "overlays" / f"{name}.jpg"


def refuse_overwriting(folder: Path, names: Sequence[str]) -> None:
    """UserError if a file that will be written is there already."""
    paths = [folder / SHARES_FILE]
    paths += [made(folder, name) for name in names for made in (mask_path, overlay_path)]
    if there := [path for path in paths if path.exists()]:
        told = ", ".join(map(str, there[:MAX_LISTED_FILES]))
        more = f" and {len(there) - MAX_LISTED_FILES} more" if len(there) > MAX_LISTED_FILES else ""
        raise UserError(
            f"{told}{more} would be replaced; give another folder with --out, or --overwrite"
        )


@dataclass(frozen=True)
class ResultsFolder:
    """A folder of results: `masks/<name>.png`, `overlays/<name>.jpg`, `shares.json`."""

    folder: Path
    classes: ClassSet
    images: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, name: str, file: Path, image: Pixels, labels: Pixels) -> None:
        """Write mask and overlay of an image (H, W, 3) with its labels (H, W)."""
        mask, drawn = mask_path(self.folder, name), overlay_path(self.folder, name)
        write_atomically(mask, palette_png(labels, self.classes))
        write_atomically(drawn, _encoded(overlay(image, labels, self.classes), "JPEG", quality=92))
        self.images[name] = {
            "file": str(file),
            "size": list(labels.shape),
            "mask": mask.relative_to(self.folder).as_posix(),
            "overlay": drawn.relative_to(self.folder).as_posix(),
            "shares": class_shares(labels, self.classes),
        }

    def write_shares(self, unreadable: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Write `shares.json`: of each image, and why others could not be read."""
        content = {**facts, "images": self.images, "unreadable": dict(unreadable)}
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_atomically(self.folder / SHARES_FILE, (text + "\n").encode())


def class_shares(labels: Pixels, classes: ClassSet) -> dict[str, float]:
    """Return the share of the image's pixels that each class has; they sum to 1."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    return {
        name: float(count / labels.size) for name, count in zip(classes.names, counts, strict=True)
    }


def overlay(image: Pixels, labels: Pixels, classes: ClassSet) -> Pixels:
    """Lay the colours of the foreground over an image, half transparent."""
    mixed = (1 - OPACITY) * image + OPACITY * classes.colour(labels)
    blended: Pixels = np.where(labels[..., None] > 0, np.rint(mixed).astype(np.uint8), image)
    return blended


def palette_png(labels: Pixels, classes: ClassSet) -> bytes:
    """Return a PNG whose indices are the class ids and whose palette is the class set's."""
    picture = Image.fromarray(labels)
    picture.putpalette([channel for colour in classes.palette for channel in colour])
    return _encode(picture, "PNG", optimize=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file in one step: it is whole or not there. UserError if that cannot be done."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}; give another --out") from error
    finally:
        if path.parent.is_dir():
            unfinished.unlink(missing_ok=True)


def _encoded(pixels: Pixels, kind: str, **options: Any) -> bytes:
    return _encode(Image.fromarray(pixels), kind, **options)


def _encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
