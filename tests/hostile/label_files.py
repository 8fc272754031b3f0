"""Label maps and landmarks that are damaged, of another kind, or mean nothing."""

import io
import os
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.faceseg.data.hostile_images import broken, encoded, png_chunk, png_with
from tests.hostile.hostile_file import HostileFile, Write, content, sparse

SIZE = (80, 48)  # columns and rows of the images in the folder of `verbs`
PREPARING = ("prepare, labels", "prepare, labels, skipping")
TRAINING = ("study, labels", "train, labels")


def label_files() -> Iterator[HostileFile]:
    """Yield label maps, and landmarks, which are optional: no error of theirs ends a verb."""
    for name, write in (_damaged() | _other_ids()).items():
        yield HostileFile(name=name, file="a.png", write=write, verbs=(*PREPARING, *TRAINING))
    for name, write in _landmarks().items():
        yield HostileFile(name=name, file="a.txt", write=write, verbs=("prepare, landmarks",))


def _damaged() -> dict[str, Write]:
    whole = encoded("PNG", SIZE, "L")
    return {
        "labels without a palette": content(broken()["a palette image without a palette"]),
        "labels with text of 300 MB": content(broken()["text of 300 MB"]),
        "half a label map": content(whole[: len(whole) // 2]),
        "labels as a JPEG": content(encoded("JPEG", SIZE, "L")),
        "labels as a GIF": content(encoded("GIF", SIZE, "P")),
        "labels of text": content(b"0 0 1 1\n" * 50),
        "labels that are a pipe": lambda path, _: os.mkfifo(path),
        "labels of 100 megapixels": content(lambda: encoded("PNG", (10_000, 10_000), "1")),
        "labels of 200 GB": sparse,
    }


def _other_ids() -> dict[str, Write]:
    colours = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    return {
        "every id": content(_png(np.arange(48 * 80, dtype=np.uint32).reshape(48, 80) % 256)),
        "ids of 16 bits": content(_png(np.full((48, 80), 65_535, np.uint16))),
        "random colours": content(_png(colours)),
        "half transparent": content(encoded("PNG", SIZE, "RGBA")),
        "another size": content(encoded("PNG", (7, 90), "L")),
        "labels of floats": content(encoded("TIFF", SIZE, "F")),
        "labels with transparency": content(png_with(png_chunk(b"tRNS", b"\0\0"))),
    }


def _landmarks() -> dict[str, Write]:
    return {
        "landmarks of no number": content(b"106\n" + b"x y\n" * 106),
        "landmarks that are not finite": content(b"106\n" + b"nan inf\n" * 106),
        "landmarks beyond all numbers": content(b"106\n" + b"1e300 -1e300\n" * 106),
        "landmarks of one point": content(b"106\n" + b"7 7\n" * 106),
        "landmarks of bytes": content(bytes(range(256))),
        "landmarks of 60 MB": content(lambda: b"1 " * 30_000_000),
        "landmarks that are a pipe": lambda path, _: os.mkfifo(path),
        "landmarks that are a folder": lambda path, _: path.mkdir(),
    }


def _png(pixels: np.ndarray) -> bytes:
    pixels = pixels.astype(np.uint8) if pixels.dtype == np.uint32 else pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
