"""The manifest of a pack: the file `manifest.json`, which is written last and read first."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from faceseg.data.classes import ClassSet
from faceseg.data.file_reading import FileTooLargeError, read_at_most
from faceseg.data.problems import PairProblem

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 100_000_000  # it lists bad pairs, of 200 bytes each
PACK_VERSION = 2  # increase it whenever packs of older code must no longer be used
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
OnBad = Literal["stop", "skip"]
LabelResizing = Literal["nearest", "bilinear", "majority"]


class SplitFacts(BaseModel):
    """Facts about one split.

    Attributes:
        count: The number of images.
        photos: The number of photographs that they show.
        repeated: Images whose pixels equal those of an earlier image of the same split.
        class_shares: The share of each class in the packed pixels that are not ignored.
        digest: Digest of ids and pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    photos: int
    repeated: int
    class_shares: dict[str, float]
    digest: str


class SideFacts(BaseModel):
    """In `kept` of the `images` that show both, class `left` is left of class `right`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: str
    right: str
    images: int
    kept: int


class CropFacts(BaseModel):
    """Images were cropped to their face with these settings; those `without_face` are whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, JsonValue]
    without_face: dict[str, int]


class Manifest(BaseModel):
    """Facts about a complete pack.

    `key` is the name of the pack's folder, a digest of the source's identity and the settings.
    `fingerprint` is a digest of the content alone (ids, pixels, class set), so the same images
    have the same fingerprint in every pack. `files` are sizes in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack_version: int
    key: str
    fingerprint: str
    classes: ClassSet
    image_size: tuple[int, int]
    on_bad: OnBad
    label_resizing: LabelResizing = "nearest"
    crop: CropFacts | None = Field(None, exclude_if=lambda value: value is None)
    source: dict[str, JsonValue]
    splits: dict[str, SplitFacts]
    shared_photos: dict[str, int]
    sides: tuple[SideFacts, ...]
    problems: tuple[PairProblem, ...]
    warnings: tuple[str, ...]
    versions: dict[str, str]
    files: dict[str, int]

    def write(self, folder: Path) -> None:
        """Write the manifest into the pack's folder."""
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the manifest of a complete pack.

        Returns:
            None if the manifest is missing or invalid, or if a file has another size than
            the manifest lists.
        """
        try:
            content = read_at_most(folder / MANIFEST, MAX_MANIFEST_BYTES)
            manifest = cls.model_validate_json(content)
        except (*_NO_FILE, FileTooLargeError, ValidationError):
            return None
        return manifest if manifest.files.items() <= file_sizes(folder).items() else None


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the sizes in bytes of all files of a pack except its manifest."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in files
        if path.name != MANIFEST
    }


def cache_key(
    identity: Mapping[str, JsonValue],
    classes: ClassSet,
    image_size: tuple[int, int],
    on_bad: OnBad,
    label_resizing: LabelResizing,
    *,
    crop: Mapping[str, JsonValue] | None = None,
) -> str:
    """Return the folder name of the pack of this source with these settings."""
    settings = {
        "pack_version": PACK_VERSION,
        "source": dict(identity),
        "classes": classes.model_dump(mode="json"),
        "image_size": list(image_size),
        "on_bad": on_bad,
        "label_resizing": label_resizing,
        **({} if crop is None else {"crop": dict(crop)}),
    }
    return _digest(settings, size=10)


def fingerprint(classes: ClassSet, digests: Mapping[str, str]) -> str:
    """Return the digest of a pack's content, computed from the digests of its splits."""
    return _digest({"classes": classes.model_dump(mode="json"), "splits": dict(digests)}, size=16)


def _digest(value: Mapping[str, object], size: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=size).hexdigest()
