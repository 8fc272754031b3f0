"""Image files that are made to be laborious or to break a decoder, written by code."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image


def encoded(kind: str, size: tuple[int, int] = (16, 16), mode: str = "RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_of_many_scans(scans: int, size: tuple[int, int] = (64, 64)) -> bytes:
    """Repeat the last scan of a progressive JPEG, which has six."""
    content = encoded("JPEG", size, "L", progressive=True)
    end = content.rindex(b"\xff\xd9")
    last = content[content.rindex(b"\xff\xda") : end]
    return content[:end] + last * (scans - 6) + content[end:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def palette_png_without_palette() -> bytes:
    header = struct.pack(">IIBBBBB", 4, 4, 8, 3, 0, 0, 0)
    data = zlib.compress(bytes(20))
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )


def png_with(*chunks: bytes) -> bytes:
    content = encoded("PNG")
    return content[:33] + b"".join(chunks) + content[33:]


def gif_with_comments(comments: bytes) -> bytes:
    content = encoded("GIF", (4, 4), "P")
    place = content.index(b"\x2c")
    return content[:place] + comments + content[place:]


def tiff_of_repeated_strips(strips: int, side: int = 2000) -> bytes:
    """Return a TIFF whose strips of `side - 1` rows all decode the same bytes."""
    data = bytes(side * (side - 1))
    first = 8 + 2 + 12 * 10 + 4
    tags = (
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 1),  # not compressed
        (262, 3, 1, 1),
        (273, 4, strips, first),
        (277, 3, 1, 1),
        (278, 4, 1, side - 1),
        (279, 4, strips, first + 4 * strips),
        (284, 3, 1, 1),
    )
    place = first + 8 * strips
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    numbers = struct.pack("<I", place) * strips + struct.pack("<I", len(data)) * strips
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + numbers + data


def laborious() -> dict[str, Callable[[], bytes]]:
    """Return the makers of small files whose decoding takes a minute to hours without a bound."""
    return {
        "3,000 scans": lambda: jpeg_of_many_scans(3000, (7000, 7000)),
        "a comment of 20 MB": lambda: gif_with_comments(
            b"\x21\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0"
        ),
        "comments after other bytes": lambda: gif_with_comments(
            b"\x00" + b"\x21\xfe\x01a\x00" * 4_000_000
        ),
        "200,000 strips of one image": lambda: tiff_of_repeated_strips(200_000),
    }


def broken() -> dict[str, bytes]:
    """Return files that are no images, or damaged."""
    tiff = encoded("TIFF")
    webp = encoded("WEBP")
    return {
        "a palette image without a palette": palette_png_without_palette(),
        "text of 300 MB": png_with(
            *[png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * 300
        ),
        "a profile of 500 MB": png_with(
            png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000)))
        ),
        "a TIFF of absurd tags": tiff[:4] + struct.pack("<IH", 8, 65535) + b"\xff" * 5000,
        "a TIFF of two offsets too far": tiff.replace(tiff[4:8], b"\xff\xff\xff\x7f", 1),
        "half a WebP": webp[: len(webp) // 2],
        "a BMP of a header": encoded("BMP")[:30],
        "a GIF of a header": encoded("GIF")[:13],
        "a TIFF of floats": encoded("TIFF", mode="F"),
    }
