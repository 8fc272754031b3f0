"""The image formats that are read, and how a file's bytes identify its format.

The content of a file determines its format. The suffix only determines whether a search for images
lists the file.
"""

import re

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # as Pillow names them
EXPECTED = "a whole JPEG, PNG, WebP, BMP, TIFF or GIF image"
# A search for images lists files with these suffixes, in upper or lower case. HEIC and AVIF are not
# read, but listed, so that each file of such a folder gets a reason instead of 'no images'. HEIC:
# pillow-heif's wheels contain x265 (GPL), and one wrong byte makes pi-heif 1.4.0 crash.
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif",
    ".heic", ".heif", ".avif",
)  # fmt: skip

# Encoders write about ten scans. Decoding one, even of a few bytes, is a pass over all pixels: 40
# ms at 49 megapixels.
MAX_SCANS = 100

_HEIF_BRANDS = {
    b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"hevc": "HEIC",
    b"hevx": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip
_OTHER_SIGNATURES = {
    b"%PDF": "a PDF document",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"\xff\x0a": "a JPEG XL image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"8BPS": "a Photoshop document",
}
_JPEG_SIGNATURE = b"\xff\xd8"
# Any marker but stuffed zeros and restarts, which occur inside a scan.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_NO_LENGTH = b"\x01\xd8"  # markers without a length: TEM and the start of an image
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


def known_other_format(content: bytes) -> str | None:
    """Return the name of a known format that is not read ("a HEIC image"), or None."""
    if content[4:8] == b"ftyp" and (name := _HEIF_BRANDS.get(content[8:12])):
        return f"{'an' if name == 'AVIF' else 'a'} {name} image"
    for signature, name in _OTHER_SIGNATURES.items():
        if content.startswith(signature):
            return name
    return None


def count_scans(content: bytes) -> int:
    """Return the number of a JPEG's scans, up to one more than `MAX_SCANS`; 0 for other files.

    It finds the next marker as libjpeg does, so that damage does not hide a scan. Previews inside
    other segments, and images after the end of the first, do not count.
    """
    if not content.startswith(_JPEG_SIGNATURE):
        return 0
    scans, place = 0, 2
    while scans <= MAX_SCANS and (marker := _JPEG_MARKER.search(content, place)):
        kind, place = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            break
        scans += kind == _START_OF_SCAN
        if kind not in _NO_LENGTH:
            place += int.from_bytes(content[place : place + 2], "big")
    return scans
