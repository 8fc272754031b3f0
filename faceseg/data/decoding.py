"""Decoding of JPEG and PNG files with Pillow: complete, upright, and without warnings.

A file is read once into memory. Any exception that Pillow raises on a damaged file becomes a
BadFile.
"""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError

from faceseg.data.problems import BadFile, unreadable_file

EXPECTED = "a whole JPEG or PNG image"
# Below 89 million, where Pillow starts to warn. A file at this limit decodes to 320 MB.
MAX_PIXELS = 80_000_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Exceptions that Pillow's plugins raise on damaged bytes (found by a test with random damage).
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)

# The transposition that makes an image of this EXIF orientation upright; 1 is upright already.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class DecodedImage(NamedTuple):
    """A decoded, upright image and its storage format.

    `bits` and `colour_type` are the fields of a PNG's header (grey 0, RGB 2, palette 3,
    grey and alpha 4, RGBA 6). For a JPEG, `bits` is 8 and `colour_type` None.
    """

    image: Image.Image
    bits: int
    colour_type: int | None


def decode(path: Path) -> DecodedImage:
    """Read one file, decode it and rotate it upright.

    Raises:
        BadFile: The file is unreadable, damaged, too large, or no JPEG or PNG image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable_file(path, error, EXPECTED) from error
    if not content:
        raise BadFile(path, "empty file (0 bytes)", EXPECTED)
    with _SILENCED:
        image = _load(path, content)
        upright = _upright(image)
    if content.startswith(PNG_SIGNATURE):
        return DecodedImage(upright, content[24], content[25])
    return DecodedImage(upright, 8, None)


def _load(path: Path, content: bytes) -> Image.Image:
    try:
        image = _open(path, content)
        if image.format == "PNG":
            image.verify()  # the checksums, which decoding alone does not verify
            image = _open(path, content)
        image.load()
    except BadFile:
        raise
    except UnidentifiedImageError as error:
        raise BadFile(path, "no JPEG or PNG image, or its header is broken", EXPECTED) from error
    except Image.DecompressionBombError as error:
        raise BadFile(path, "too large", f"at most {MAX_PIXELS:,} pixels") from error
    except _BROKEN as error:
        reason = str(error) or type(error).__name__
        raise BadFile(path, f"broken or truncated ({reason})", EXPECTED) from error
    return image


def _open(path: Path, content: bytes) -> Image.Image:
    """Open an image, reading only its header; raise BadFile if it would exhaust the memory."""
    image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
    width, height = image.size
    if width * height > MAX_PIXELS:
        wrong = f"{width} x {height} pixels is too large"
        raise BadFile(path, wrong, f"at most {MAX_PIXELS:,} pixels")
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN:  # unreadable EXIF does not make the pixels unreadable
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


class _SilencedWarnings:
    """A context that silences Pillow's warnings while any thread is inside it.

    `warnings.catch_warnings` alone restores the wrong filters when threads overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(kind, error, trace)


_SILENCED = _SilencedWarnings()
