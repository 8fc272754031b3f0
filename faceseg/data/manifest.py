"""What a pack says of itself: the file `manifest.json`, written last, read first."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from faceseg.data.classes import ClassSet
from faceseg.data.problems import PairProblem

MANIFEST = "manifest.json"
PACK_VERSION = 2  # raised whenever packs of older code must not be used any more
OnBad = Literal["stop", "skip"]
LabelResizing = Literal["nearest", "bilinear"]


class SplitFacts(BaseModel):
    """What one split holds.

    `class_shares` are shares of the packed pixels that are not ignored. `repeated` counts
    images whose pixels another image of the same split has already shown. `digest` is over
    ids and pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    photos: int
    repeated: int
    class_shares: dict[str, float]
    digest: str


class SideFacts(BaseModel):
    """In how many of `images` showing both does class `left` lie left of class `right`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: str
    right: str
    images: int
    kept: int


class Manifest(BaseModel):
    """The facts of a whole pack.

    `key` names the pack's folder: it is made from the source's identity and the settings.
    `fingerprint` is made from the content alone (ids, pixels, class set), so the same images
    have the same one wherever and whenever they were packed. `files` are sizes in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack_version: int
    key: str
    fingerprint: str
    classes: ClassSet
    image_size: tuple[int, int]
    on_bad: OnBad
    label_resizing: LabelResizing = "nearest"
    source: dict[str, JsonValue]
    splits: dict[str, SplitFacts]
    shared_photos: dict[str, int]
    sides: tuple[SideFacts, ...]
    problems: tuple[PairProblem, ...]
    warnings: tuple[str, ...]
    versions: dict[str, str]
    files: dict[str, int]

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder of its pack."""
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the manifest of a whole pack; None if there is none, or a file is not whole."""
        try:
            manifest = cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        return manifest if manifest.files.items() <= file_sizes(folder).items() else None


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the sizes in bytes of all files of a pack but its manifest."""
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
) -> str:
    """Return the name of the pack of this source under these settings."""
    settings = {
        "pack_version": PACK_VERSION,
        "source": dict(identity),
        "classes": classes.model_dump(mode="json"),
        "image_size": list(image_size),
        "on_bad": on_bad,
        "label_resizing": label_resizing,
    }
    return _digest(settings, size=10)


def fingerprint(classes: ClassSet, digests: Mapping[str, str]) -> str:
    """Return the digest of a pack's content, given its splits' digests."""
    return _digest({"classes": classes.model_dump(mode="json"), "splits": dict(digests)}, size=16)


def _digest(value: Mapping[str, object], size: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=size).hexdigest()
