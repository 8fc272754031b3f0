"""CelebA's splits for the images of CelebA-HQ, from the two text files that define them.

`CelebA-HQ-to-CelebA-mapping.txt` has a heading and a line `idx orig_idx orig_file` for each image
of CelebA-HQ; `list_eval_partition.txt` has a line `orig_file partition` for each photograph of
CelebA, where the partition is 0 (train), 1 (val) or 2 (test).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from faceseg.data.file_reading import read_at_most
from faceseg.data.formats.annotations import AnnotatedImage
from faceseg.errors import UserError

MAPPING_FILE, PARTITION_FILE = "CelebA-HQ-to-CelebA-mapping.txt", "list_eval_partition.txt"
MAX_BYTES = 20_000_000  # the files have 1 and 3 MB
_SPLITS = {"0": "train", "1": "val", "2": "test"}


def celeba_splits(
    images: Mapping[str, AnnotatedImage], mapping_file: Path, partition_file: Path
) -> dict[str, list[AnnotatedImage]]:
    """Return the images of each split of CelebA.

    Args:
        images: The images by their numbers in CelebA-HQ. An image without a number is put into
            'train', where reading it reports its name.
        mapping_file: The file `CelebA-HQ-to-CelebA-mapping.txt`.
        partition_file: The file `list_eval_partition.txt`.

    Raises:
        UserError: A file is damaged, or contains no line for an image.
    """
    partitions = dict(_rows(partition_file, columns=2, heading=False))
    originals = {row[0]: row[2] for row in _rows(mapping_file, columns=3, heading=True)}
    splits: dict[str, list[AnnotatedImage]] = {name: [] for name in _SPLITS.values()}
    for name, image in images.items():
        if not name.isdigit():
            splits["train"].append(image)
            continue
        if name not in originals:
            raise UserError(f"{mapping_file} has no line for the image {name}; {_ADVICE}")
        partition = partitions.get(originals[name])
        if partition not in _SPLITS:
            raise UserError(
                f"{partition_file} has {'no line' if partition is None else repr(partition)} for "
                f"{originals[name]} (image {name}); expected 0, 1 or 2. {_ADVICE}"
            )
        splits[_SPLITS[partition]].append(image)
    return splits


_ADVICE = "Get the file again from its publisher, or remove it to divide the images by --shares"


def _rows(file: Path, columns: int, *, heading: bool) -> Iterator[list[str]]:
    """Yield the words of each line."""
    try:
        lines = read_at_most(file, MAX_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text: {error}. {_ADVICE}") from error
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or (heading and number == 1):
            continue
        if len(words) != columns:
            raise UserError(
                f"{file}, line {number}: {line[:80]!r} has {len(words)} words; expected {columns}. "
                f"{_ADVICE}"
            )
        yield words
