"""Annotations of any format as a source of labelled images in the classes of a class set.

Shapes: H rows, W columns.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.classes import IGNORE
from faceseg.data.file_identity import files_identity
from faceseg.data.formats.annotations import AnnotatedImage, Annotations
from faceseg.data.formats.mapping import ClassMapping, Conditional
from faceseg.data.formats.sides import SAMPLE, are_exchanged
from faceseg.data.formats.splitting import DEFAULT_SHARES, SPLITS, Shares, divide
from faceseg.data.prefetch import available_processors, prefetch_map
from faceseg.data.problems import BadFile, check_pair
from faceseg.data.source import Facts, Pair
from faceseg.data.split import photo_of


@dataclass(frozen=True, kw_only=True)
class AnnotatedItem:
    """One image of an `AnnotatedSource`."""

    annotated: AnnotatedImage
    source: "AnnotatedSource"

    @property
    def id(self) -> str:
        """The name of the image."""
        return self.annotated.id

    @property
    def image_file(self) -> Path:
        """The file of the image."""
        return self.annotated.image_file

    def read(self) -> Pair:
        """Return the image (H, W, 3) and its labels (H, W) in ids of the class set.

        Raises:
            BadFile: A file is missing or damaged, or the annotation does not match the image.
            UserError: As in `AnnotatedSource.are_exchanged`.
        """
        image, labels = self.source.translated(self.annotated)
        if self.source.are_exchanged():
            labels = self.source.mapping.classes.flip_table[labels]
        return image, labels

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return nothing: annotations contain no facts about the pixels."""
        return {}


class AnnotatedSource:
    """Annotations with the translation of their classes and with three splits."""

    def __init__(
        self,
        annotations: Annotations,
        mapping: ClassMapping,
        *,
        form: str,
        shares: Shares = DEFAULT_SHARES,
        photograph: Callable[[str], str] = photo_of,
    ) -> None:
        """Divide the images into splits.

        Args:
            annotations: What the reader of a format returned.
            mapping: The translation of its classes.
            form: The name of the format.
            shares: The shares of train, val and test in per cent, for splits that the format does
                not have.
            photograph: Returns the photograph that an image shows from the image's name; its
                images stay in one split.

        Raises:
            UserError: A split remains empty.
        """
        self.annotations, self.mapping, self.form, self.shares = annotations, mapping, form, shares
        self._images = divide(annotations.splits, shares, photograph)
        self._lock = threading.Lock()
        self._exchanged: bool | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """'train', 'val' and 'test'."""
        return SPLITS

    def items(self, split: str) -> Sequence[AnnotatedItem]:
        """Return the items of a split in the order of the format."""
        return [AnnotatedItem(annotated=image, source=self) for image in self._images[split]]

    def are_exchanged(self) -> bool:
        """Return whether the format's left is right in the image, by a sample of its labels.

        The sample is read once, at the first call.

        Raises:
            UserError: Some pairs of classes are exchanged and others are not.
        """
        with self._lock:
            if self._exchanged is None:
                pairs = self.mapping.classes.pairs
                self._exchanged = bool(pairs) and are_exchanged(
                    self._sample(), self.mapping.classes
                )
            return self._exchanged

    def exchanged_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the names of the pairs of the class set that were exchanged."""
        names = self.mapping.classes.names
        pairs = self.mapping.classes.pairs if self.are_exchanged() else ()
        return tuple((names[left], names[right]) for left, right in pairs)

    def notes(self) -> Sequence[str]:
        """Return what the reader left out or guessed, and what was done to left and right."""
        notes = self.annotations.all_notes()
        pairs = ", ".join(f"{left} and {right}" for left, right in self.exchanged_pairs())
        if not pairs:
            return notes
        return (
            *notes,
            f"left and right were exchanged, so that left is left in the image: {pairs} (by the "
            f"mean x of both classes in a sample of at most {SAMPLE} images)",
        )

    def identity(self) -> Mapping[str, JsonValue]:
        """Return a digest of the files, the translation and the shares.

        The exchange of left and right follows from them and from the size of the sample.
        """
        rules: dict[str, JsonValue] = {
            name: rule.model_dump(mode="json") if isinstance(rule, Conditional) else rule
            for name, rule in self.mapping.rules.items()
        }
        return {
            "kind": self.form,
            "map": rules,
            "shares": list(self.shares),
            "sides_sample": SAMPLE,
            **files_identity(self._files(), self.annotations.root),
        }

    def translated(self, annotated: AnnotatedImage) -> Pair:
        """Return an image (H, W, 3) and its labels (H, W), before left and right are checked."""
        native = self.annotations.classes
        try:
            image, labels = annotated.read()
            _check_native_ids(labels, len(native), annotated.image_file)
            labels = self.mapping.apply(labels)
            check_pair(image, labels, self.mapping.classes, str(annotated.image_file))
        except BadFile as bad:
            raise BadFile(self._relative(bad.file), bad.wrong, bad.expected) from bad
        return image, labels

    def _sample(self) -> Iterator[NDArray[np.uint8]]:
        images = [image for split in SPLITS for image in self._images[split]]
        places = np.unique(np.linspace(0, len(images) - 1, SAMPLE).round().astype(int))
        chosen = [images[place] for place in places]
        found = prefetch_map(self._labels, chosen, threads=available_processors())
        return (labels for labels in found if labels is not None)

    def _labels(self, annotated: AnnotatedImage) -> NDArray[np.uint8] | None:
        """Return the labels of an image; None for a bad one, which is reported when it is read."""
        try:
            return self.translated(annotated)[1]
        except BadFile:
            return None

    def _files(self) -> Iterator[Path]:
        yield from self.annotations.index_files
        for split in SPLITS:
            for image in self._images[split]:
                yield from image.files

    def _relative(self, file: str) -> str:
        path, root = Path(file), self.annotations.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def _check_native_ids(labels: NDArray[np.uint8], count: int, file: Path) -> None:
    unknown = labels[(labels >= count) & (labels != IGNORE)]
    if unknown.size:
        ids = ", ".join(map(str, np.unique(unknown)[:5]))
        expected = f"ids 0 to {count - 1}, or {IGNORE} for ignored pixels"
        raise BadFile(file, f"{unknown.size} pixels have ids outside its classes: {ids}", expected)
