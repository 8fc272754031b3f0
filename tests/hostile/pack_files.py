"""Packs of which one file was damaged or exchanged. The pack is then rebuilt."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from faceseg.data.manifest import MANIFEST
from faceseg.data.split import FACTS, IDS, IMAGES, LABELS, ORIGINALS, ORIGINALS_INDEX
from tests.faceseg.data.hostile_arrays import array_header
from tests.hostile.hostile_file import HostileFile, Write, content, sparse


def pack_files() -> Iterator[HostileFile]:
    """Yield one file of a pack each."""
    files: dict[str, tuple[str, Write]] = {
        "a manifest of text": (MANIFEST, content(b"no manifest")),
        "a manifest of nested lists": (MANIFEST, content(b"[" * 100_000)),
        "a manifest of another kind": (MANIFEST, content(b"[1, 2]")),
        "a manifest that is a folder": (MANIFEST, _replaced(Path.mkdir)),
        "a manifest that is a pipe": (MANIFEST, _replaced(os.mkfifo)),
        "a manifest of 200 GB": (MANIFEST, sparse),
        "a manifest of other counts": (MANIFEST, _manifest(_with_count(10**12))),
        "a manifest of files outside": (MANIFEST, _manifest(_with_file("../../../etc/passwd"))),
        "images of text": (f"train/{IMAGES}", content(b"no images")),
        "images of a shape of 2⁶⁰": (f"train/{IMAGES}", content(array_header((2**30, 2**30)))),
        "images that are pickled": (f"train/{IMAGES}", content(_pickled)),
        "images that are a folder": (f"train/{IMAGES}", _replaced(Path.mkdir)),
        "labels cut off": (f"val/{LABELS}", lambda path, _: os.truncate(path, 300)),
        "labels with one bit changed": (f"val/{LABELS}", _one_bit),
        "ids of another length": (f"test/{IDS}", content(b'["only one"]')),
        "ids that are paths": (f"test/{IDS}", content(b'["../../up", "/abs"]')),
        "ids of bytes": (f"test/{IDS}", content(bytes(range(256)))),
        "facts of text": (f"test/{FACTS}", content(b"no facts")),
        "originals cut off": (f"test/{ORIGINALS}", lambda path, _: os.truncate(path, 7)),
        "positions of a shape of 2⁶⁰": (
            f"test/{ORIGINALS_INDEX}",
            content(array_header((2**30, 2**30), "<i8")),
        ),
        "positions below zero": (f"test/{ORIGINALS_INDEX}", content(_positions)),
        "a split linked to itself": ("val", _replaced(lambda path: path.symlink_to(path))),
    }
    for name, (file, write) in files.items():
        yield HostileFile(name=name, file=file, write=write, verbs=("prepare, packed",))


def _replaced(make: Callable[[Path], object]) -> Write:
    """Return a function that moves a file of the pack away and makes another one."""

    def write(path: Path, _: object) -> None:
        path.rename(path.with_name(f"{path.name}.old"))
        make(path)

    return write


def _one_bit(path: Path, _: object) -> None:
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)


def _manifest(change: Callable[[dict[str, Any]], object]) -> Write:
    def write(path: Path, _: object) -> None:
        facts = json.loads(path.read_bytes())
        change(facts)
        path.write_text(json.dumps(facts))

    return write


def _with_count(count: int) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts["splits"]["train"].update(count=count)


def _with_file(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts["files"].update({name: 1})


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _positions() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full((2, 3), -(2**40)))
    return buffer.getvalue()
