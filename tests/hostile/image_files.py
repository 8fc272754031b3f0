"""Images that are damaged, laborious, of another kind, or no files."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.faceseg.data.hostile_images import (
    broken,
    encoded,
    gif_with_comments,
    jpeg_of_many_scans,
    png_chunk,
    png_with,
    tiff_of_repeated_strips,
)
from tests.hostile import motion_jpeg
from tests.hostile.hostile_file import HostileFile, Materials, Write, content, sparse

FOLDERS = ("predict", "predict a folder", "prepare", "prepare, skipping", "export")
UPLOADS = ("serve", "demo")


def image_files() -> Iterator[HostileFile]:
    """Yield the images; special files cannot be uploaded."""
    for name, write in (_damaged() | _laborious() | _foreign()).items():
        yield HostileFile(name=name, file="a.png", write=write, verbs=(*FOLDERS, *UPLOADS))
    for name, write in _special().items():
        yield HostileFile(name=name, file="a.png", write=write, verbs=FOLDERS)
    for name, write in _videos().items():
        yield HostileFile(name=name, file="a.mp4", write=write, verbs=("predict --video",))


def _damaged() -> dict[str, Write]:
    jpeg, png = encoded("JPEG", (200, 200)), encoded("PNG", (200, 200))
    found = {name: content(made) for name, made in broken().items()}
    return found | {
        "half a JPEG": content(jpeg[: len(jpeg) // 2]),
        "half a PNG": content(png[: len(png) // 2]),
        "a PNG with a wrong checksum": content(png.replace(png[29:33], b"\0\0\0\0", 1)),
        "a JPEG of 65,535 x 65,535 in its header": content(_with_size(jpeg)),
        "EXIF that is no EXIF": content(
            jpeg[:2] + b"\xff\xe1\x00\x10Exif\0\0" + b"\xff" * 8 + jpeg[2:]
        ),
        "a palette with transparency beyond its end": content(
            png_with(png_chunk(b"tRNS", bytes(300)))
        ),
        "no bytes": content(b""),
    }


def _laborious() -> dict[str, Write]:
    return {
        "3,000 scans": content(lambda: jpeg_of_many_scans(3000, (3000, 3000))),
        "a comment of 20 MB": content(
            lambda: gif_with_comments(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0")
        ),
        "20,000 strips of one image": content(lambda: tiff_of_repeated_strips(20_000)),
        "100 megapixels in 12 kB": content(lambda: _black(10_000)),
        "16 megapixels in 2 kB": content(lambda: _black(4_000)),
        "one row of 60,000 pixels": content(lambda: encoded("PNG", (60_000, 1))),
        "a column of 60,000 pixels": content(lambda: encoded("JPEG", (1, 60_000))),
    }


def _foreign() -> dict[str, Write]:
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
    return {
        "text": content(b"no image\n" * 100),
        "an SVG": content(svg),
        "a HEIC image": content(b"\x00\x00\x00\x18ftypheic" + bytes(100)),
        "a PDF": content(b"%PDF-1.7\n" + bytes(100)),
        "a zip": content(b"PK\x03\x04" + bytes(100)),
        "PostScript": content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"),
        "random bytes": content(bytes(range(256)) * 200),
        "an icon": content(lambda: encoded("ICO")),
    }


def _special() -> dict[str, Write]:
    return {
        "a link to nothing": lambda path, _: path.symlink_to("nothing.png"),
        "a link to itself": lambda path, _: path.symlink_to(path),
        "a link to endless zeros": lambda path, _: path.symlink_to("/dev/zero"),
        "a named pipe": lambda path, _: os.mkfifo(path),
        "a folder": lambda path, _: path.mkdir(),
        "a file of 200 GB that takes no place": sparse,
    }


def _videos() -> dict[str, Write]:
    return {
        "a video of text": content(b"no video\n" * 100),
        "a video without bytes": content(b""),
        "a video of zeros": content(bytes(10_000)),
        "a header of a video": content(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(8)),
        "a playlist of local files": content(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        "a named pipe called a video": lambda path, _: os.mkfifo(path),
        "a photograph called a video": _photograph,
        **{name: content(made) for name, made in motion_jpeg.damaged().items()},
    }


def _with_size(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + b"\xff\xff\xff\xff" + jpeg[place + 4 :]


def _black(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


def _photograph(path: Path, materials: Materials) -> None:
    path.write_bytes(materials.photograph.read_bytes())
