"""What a reader of an annotation format returns: the format's classes, and its images in splits.

A reader lists files and parses the annotations' index; it decodes no image before `read` is called.
It does not depend on the classes that a study uses: `faceseg.data.formats.mapping` translates a
format's own classes into those.

Shapes: H rows, W columns of the image after its EXIF rotation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from faceseg.data.source import Pair

ALL = "all"  # the split of a format that has no splits


class AnnotatedImage(Protocol):
    """An image and its annotation, in the classes of its format."""

    @property
    def id(self) -> str:
        """The name of the image, unique in its split; usually the stem of its file."""

    @property
    def image_file(self) -> Path:
        """The file of the image."""

    @property
    def files(self) -> Sequence[Path]:
        """All files that belong to this image alone: its image and its masks or its JSON file."""

    def read(self) -> Pair:
        """Return the RGB image (H, W, 3) and its labels (H, W), both uint8.

        A label is an index of `Annotations.classes`, or 255 where pixels are ignored. It is called
        from several threads at once.

        Raises:
            BadFile: A file is missing or damaged, or the annotation does not match the image.
        """


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """The content of a folder or file in one format.

    Attributes:
        classes: The format's own names of its classes in the order of their ids; 0 is the
            background.
        splits: The images of each split ('train', 'val', 'test'), in a fixed order. A format
            without splits has one, `ALL`.
        index_files: Files that belong to no single image, such as COCO's JSON file.
        root: The folder that contains all files.
        notes: What was left out, each a sentence for the user, such as shapes that have no area.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, Sequence[AnnotatedImage]]
    root: Path
    index_files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def all_notes(self) -> tuple[str, ...]:
        """Return `notes`, and what was noticed while images were read."""
        return self.notes
