"""Photographs to send, and networks whose predictions are known.

A network is one 1x1 convolution: red pixels are class `red`, green ones 2, blue ones 3.
"""

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.networks.saving import save_network


def network(path: Path, red: int = 1) -> Path:
    """Save a network of 32 x 32 for which red is class `red`."""
    image = keras.Input((32, 32, 3))
    kernel = np.zeros((1, 1, 3, 11), dtype=np.float32)
    kernel[0, 0, [0, 1, 2], [red, 2, 3]] = 1
    layer = keras.layers.Conv2D(11, 1, kernel_initializer=keras.initializers.Constant(kernel))
    save_network(keras.Model(image, layer(image)), path, LAPA, {"made_for": "a test"})
    return path


def red_and_blue(rows: int = 48, columns: int = 80) -> np.ndarray:
    """Return an image whose left half is red and whose right half is blue."""
    pixels = np.zeros((rows, columns, 3), np.uint8)
    pixels[:, : columns // 2, 0] = pixels[:, columns // 2 :, 2] = 255
    return pixels


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Return the class ids of a mask, which must be a palette PNG in LaPa's colours."""
    with Image.open(io.BytesIO(content)) as mask:
        assert (mask.format, mask.mode) == ("PNG", "P")
        assert mask.getpalette()[:33] == [channel for colour in LAPA.palette for channel in colour]
        return np.asarray(mask)


def black_png(rows: int, columns: int) -> bytes:
    """Return a black PNG, compressed row by row so that a huge one needs little memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    packer, row = zlib.compressobj(9), bytes(1 + 3 * columns)
    packed = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@cache
def bad_bodies() -> dict[str, tuple[bytes, int]]:
    """Return bodies that are refused, with the expected status, by name."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    jpeg = encoded(noise, "JPEG")
    return {
        "100 megapixels": (black_png(10_000, 10_000), 413),
        "truncated": (jpeg[: len(jpeg) // 2], 400),
        "text": (b"no image\n" * 100, 415),
        "empty": (b"", 400),
        "50 MB": (bytes(50_000_000), 413),
    }
