"""Writing of a split, image by image, so that packing needs little memory.

The files are written plainly, not through a memory map: on a full disk a write raises, whereas
a memory map kills the process.

Shapes: N images, H rows, W columns of the pack; h, w the image's own size.
"""

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from faceseg.data.source import Facts
from faceseg.data.split import FACTS, IDS, IMAGES, LABELS, ORIGINALS, ORIGINALS_INDEX
from faceseg.data.split_digest import SplitDigest

Pixels = NDArray[np.uint8]


class NpyRowWriter:
    """Writes an `.npy` file of uint8 row by row; `finish` completes its header."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]) -> None:
        self.file: BinaryIO = path.open("wb")
        self._row_shape = row_shape
        self._rows = 0
        self._write_header()

    def append(self, row: Pixels) -> None:
        """Write one row; raise ValueError if it does not have the shape of all rows."""
        if row.shape != self._row_shape:
            raise ValueError(f"a row of {row.shape} among rows of {self._row_shape}")
        self.file.write(np.ascontiguousarray(row).data)
        self._rows += 1

    def finish(self) -> None:
        """Write the number of rows into the header and flush the file to the disk."""
        self.file.seek(0)
        self._write_header()  # of the same length: NumPy reserves space for the first axis
        flush_to_disk(self.file)

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)),
            "fortran_order": False,
            "shape": (self._rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self.file, header)


class SplitWriter:
    """Writes a split: images (N, H, W, 3), labels (N, H, W), ids, and originals on request.

    `originals.bin` contains image (h, w, 3) and labels (h, w) of each image one after the other;
    `originals.npy` is int64 (N, 3): the offset of each, h and w. `facts.json` lists the facts of
    each; they are not part of the digest.
    """

    def __init__(self, folder: Path, size: tuple[int, int], originals: bool) -> None:
        """Create the files of a split.

        Args:
            folder: The folder of the split, which must not exist yet.
            size: The size (H, W) of the packed images.
            originals: Whether to write the images at their own size too.
        """
        folder.mkdir()
        self.folder = folder
        self.ids: list[str] = []
        self._images = NpyRowWriter(folder / IMAGES, (*size, 3))
        self._labels = NpyRowWriter(folder / LABELS, size)
        self._originals = (folder / ORIGINALS).open("wb") if originals else None
        self._index: list[tuple[int, int, int]] = []
        self._facts: list[Facts] = []
        self._digest = SplitDigest()

    def append(self, name: str, image: Pixels, labels: Pixels) -> None:
        """Write one image (H, W, 3) and its labels (H, W) in the pack's size."""
        self.ids.append(name)
        self._images.append(image)
        self._labels.append(labels)
        self._digest.add(name, image, labels)

    def append_original(self, image: Pixels, labels: Pixels, facts: Facts | None = None) -> None:
        """Write the same image (h, w, 3) and labels (h, w) in their own size, and its facts.

        Raises:
            ValueError: The writer was created without originals.
        """
        if self._originals is None:
            raise ValueError(f"no originals are kept in {self.folder.name}")
        height, width = labels.shape
        self._index.append((self._originals.tell(), height, width))
        self._facts.append(facts or {})
        self._digest.add_original(image, labels)
        for part in (image, labels):
            self._originals.write(np.ascontiguousarray(part).data)

    def finish(self) -> str:
        """Complete all files and flush them to the disk; return a digest of ids and pixels."""
        self._images.finish()
        self._labels.finish()
        self._write_json(IDS, self.ids)
        if self._originals is not None:
            flush_to_disk(self._originals)
            with (self.folder / ORIGINALS_INDEX).open("wb") as file:
                np.save(file, np.array(self._index, dtype=np.int64).reshape(-1, 3))
                flush_to_disk(file)
            self._write_json(FACTS, [dict(each) for each in self._facts])
        return self._digest.hexdigest()

    def _write_json(self, name: str, content: list[Any]) -> None:
        with (self.folder / name).open("w", encoding="utf-8") as file:
            json.dump(content, file)
            flush_to_disk(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After a failed write, closing writes the rest again and fails again. Ignore that error.
        with contextlib.suppress(OSError) if error else contextlib.nullcontext():
            for file in (self._images.file, self._labels.file, self._originals):
                if file is not None:
                    file.close()


def flush_to_disk(file: IO[Any]) -> None:
    """Flush a file's content to the disk, so that a renamed pack survives a power failure."""
    file.flush()
    os.fsync(file.fileno())
