"""Videos made byte by byte, and damage to them: AVI files of JPEG frames."""

import io
import struct
from collections.abc import Sequence

from PIL import Image

SIZE = (64, 48)  # columns, rows
_FRAMES = 20


def jpeg(size: tuple[int, int] = SIZE, colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def avi(
    frames: Sequence[bytes], size: tuple[int, int] = SIZE, *, promised: int = 0, rate: int = 10
) -> bytes:
    """Return a video of JPEG frames whose header has this size, number of frames and rate."""
    count = promised or len(frames)
    film, index = b"movi", b""
    for frame in frames:
        index += b"00dc" + struct.pack("<III", 16, len(film), len(frame))
        film += _chunk(b"00dc", frame) + bytes(len(frame) % 2)
    main = struct.pack("<14I", 100_000, 0, 0, 16, count, 0, 1, 0, *size, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<10I", 0, 0, 0, 1, rate, 0, count, 0, 2**32 - 1, 0)
    stream += struct.pack("<4H", 0, 0, *size)
    picture = struct.pack("<IIIHH", 40, *size, 1, 24) + b"MJPG" + bytes(20)
    streams = b"strl" + _chunk(b"strh", stream) + _chunk(b"strf", picture)
    header = b"hdrl" + _chunk(b"avih", main) + _chunk(b"LIST", streams)
    chunks = _chunk(b"LIST", header) + _chunk(b"LIST", film) + _chunk(b"idx1", index)
    return _chunk(b"RIFF", b"AVI " + chunks)


def damaged() -> dict[str, bytes]:
    """Return videos that are damaged, or that promise what they do not contain."""
    whole = avi([jpeg()] * _FRAMES)
    flipped = bytearray(whole)
    flipped[300::97] = bytes(value ^ 255 for value in flipped[300::97])
    return {
        "half a video": whole[: len(whole) // 2],
        "a video with flipped bytes": bytes(flipped),
        "a video that promises 1,000,000,000 frames": avi([jpeg()] * 3, promised=10**9),
        "a video without a readable frame": avi([bytes(50)] * _FRAMES),
        "a video of 100,000 empty frames": avi([b""] * 100_000),
        "a video whose frames change their size": avi([jpeg(), jpeg((320, 240)), jpeg((8, 8))]),
        "a video of frames that are larger than its header says": avi([jpeg((9000, 9000))]),
        "a video of frames of 81 megapixels": avi([jpeg((9000, 9000))], (9000, 9000)),
        "a video of a billion frames a second": avi([jpeg()] * 3, rate=10**9),
    }


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
