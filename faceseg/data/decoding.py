"""Decoding of image files with Pillow: complete, upright, bounded and without warnings.

Any exception that a decoder raises becomes a BadFile. The work is bounded by the pixels, the bytes
and the scans of a file; of an animation only the first frame is decoded.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from faceseg.data.file_reading import FileTooLargeError, read_at_most
from faceseg.data.image_formats import (
    EXPECTED,
    FORMATS,
    MAX_SCANS,
    count_scans,
    known_other_format,
)
from faceseg.data.problems import BadFile, TooManyPixels, UnknownFormat, unreadable_file
from faceseg.errors import first_line

# Below 89 million, where Pillow starts to warn. A file at this limit decodes to 320 MB.
MAX_PIXELS = 80_000_000
MAX_BYTES = 8 * MAX_PIXELS  # four channels of 16 bits that are not compressed
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pillow joins the comments of a GIF in quadratic time: 20 MB of them take two minutes.
MAX_GIF_HEADER = 2**18  # bytes before the first frame

LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp", "tiff_sgilog", "tiff_sgilog24")

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
    """A decoded, upright image and how it was stored.

    `kind` is Pillow's name of the format, `bits` the number of bits of a stored sample. `exact` is
    false where the values need not be those that were drawn: after lossy compression, in a GIF,
    whose writers renumber colours, and in a TIFF whose zero is white, which Pillow inverts.
    """

    image: Image.Image
    kind: str
    bits: int
    exact: bool


def read_content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadFile: The file is unreadable, or larger than any image that is read.
    """
    try:
        return read_at_most(path, MAX_BYTES)
    except FileTooLargeError as error:
        raise BadFile(path, f"a file of more than {MAX_BYTES / 1e6:,.0f} MB", EXPECTED) from error
    except OSError as error:
        raise unreadable_file(path, error, EXPECTED) from error


def decode(content: bytes, name: str | Path, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode an image and rotate it upright.

    Args:
        content: The bytes of the file.
        name: The name of the file in an error.
        max_pixels: The maximum number of pixels, read from the header.

    Raises:
        TooManyPixels: The image has more pixels.
        UnknownFormat: The bytes are no image of a known format.
        BadFile: The image is empty, damaged, or takes too long to decode for its size.
    """
    if not content:
        raise BadFile(name, "empty file (0 bytes)", EXPECTED)
    if (scans := count_scans(content)) > MAX_SCANS:
        wrong = f"a JPEG of {scans} scans or more (cameras and editors write about 10)"
        raise BadFile(name, wrong, f"at most {MAX_SCANS} scans")
    with decoder_errors(name, max_pixels):
        image = _open(content, name, max_pixels)
        if image.format == "PNG":
            image.verify()  # the checksums, which decoding alone does not verify
            image = _open(content, name, max_pixels)
        kind, (bits, exact) = str(image.format), _storage(image, content)
        image.load()
        return DecodedImage(_upright(image), kind, bits, exact)


@contextmanager
def decoder_errors(name: str | Path, max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """Turn every exception of Pillow into a BadFile, and silence Pillow's warnings.

    Pillow's plugins raise almost any exception on damaged bytes.
    """
    try:
        with _SILENCED:
            yield
    except BadFile:
        raise
    except UnidentifiedImageError as error:
        wrong = "no image of a known format, or its header is broken"
        raise UnknownFormat(name, wrong, EXPECTED) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(name, "too large", f"at most {max_pixels:,} pixels") from error
    except Exception as error:
        wrong = f"broken or truncated ({first_line(error)})"
        raise BadFile(name, wrong, EXPECTED) from error


def _open(content: bytes, name: str | Path, max_pixels: int) -> Image.Image:
    """Open an image, reading only its header; raise BadFile if it would exhaust the memory."""
    if other := known_other_format(content):
        raise UnknownFormat(name, f"{other}, which is not read", f"{EXPECTED}: convert it to one")
    file = _LimitedReader(content)
    if content.startswith(b"GIF8"):
        file.limit = MAX_GIF_HEADER
    image = Image.open(file, formats=FORMATS)
    file.limit = None
    width, height = image.size
    if width * height > max_pixels:
        wrong = f"{width} x {height} pixels is too large"
        raise TooManyPixels(name, wrong, f"at most {max_pixels:,} pixels")
    tiles = [tile.extents for tile in image.tile if tile.extents]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in tiles)
    if covered > len(image.getbands()) * width * height:
        raise BadFile(name, f"{len(tiles):,} strips or tiles that overlap", EXPECTED)
    return image


class _LimitedReader(io.BytesIO):
    """A file in memory of which at most `limit` bytes may be read, if that is set."""

    limit: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if self.limit is not None:
            self.limit -= len(found)
            if self.limit < 0:
                raise ValueError("its header is too long")
        return found


def _storage(image: Image.Image, content: bytes) -> tuple[int, bool]:
    """Return `bits` and `exact` of a `DecodedImage`."""
    if image.format == "PNG":
        return content[len(PNG_SIGNATURE) + 16], True
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0) == 0
        if inverted and bits > 8:
            raise ValueError(f"a TIFF of {bits} bits whose zero is white")  # Pillow inverts 8 only
        return bits, not inverted and image.info["compression"] not in LOSSY_TIFF
    return 8, image.format == "BMP"


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # unreadable EXIF does not make the pixels unreadable
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
