"""Images and label maps in folders: what the readers of such formats share.

A reader finds the files and pairs them by stem. The problems of a pair (a missing or second file, a
damaged file, ids outside the format) appear when the pair is read.

Shapes: H rows, W columns of the image after its EXIF rotation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faceseg.data.classes import ClassSet
from faceseg.data.image_files import folders_in, missing_target, printable
from faceseg.data.images import Pixels, read_image, read_labels
from faceseg.data.paired_files import (
    Files,
    contents,
    fitted_labels,
    only_file,
    relative_to,
    with_stems_of,
)
from faceseg.data.problems import BadFile
from faceseg.data.source import Pair
from faceseg.errors import UserError


@dataclass(frozen=True, kw_only=True)
class MaskedImage:
    """The files of one stem; an `AnnotatedImage`. A usable pair has one image and one mask.

    Attributes:
        id: The stem.
        images: The image files of the stem.
        masks: The mask files of the stem.
        root: The data set's folder, to which the paths in messages are relative.
        classes: The class set of the format.
        read_mask: Returns the labels in a mask file; raises BadFile.
    """

    id: str
    images: Files
    masks: Files
    root: Path
    classes: ClassSet
    read_mask: Callable[[Path], Pixels]

    @property
    def image_file(self) -> Path:
        """The image; the mask if there is no image, which `read` reports."""
        return self.files[0]

    @property
    def files(self) -> Files:
        """The images and masks of the stem."""
        return self.images + self.masks

    def read(self) -> Pair:
        """Return the image (H, W, 3) and its labels (H, W), resized to the image's size.

        Raises:
            BadFile: A file is missing, duplicated or unreadable, or the two do not match.
        """
        try:
            image_file = only_file(self.images, "image", self.masks)
            mask_file = only_file(self.masks, "label", self.images)
            image, labels = read_image(image_file), self.read_mask(mask_file)
            return image, fitted_labels(labels, image, self.classes, mask_file, resize=True)
        except BadFile as bad:
            raise relative_to(self.root, bad) from bad


def masked_images(
    images: Mapping[str, Files],
    masks: Mapping[str, Files],
    root: Path,
    classes: ClassSet,
    read_mask: Callable[[Path], Pixels] | None = None,
) -> tuple[MaskedImage, ...]:
    """Pair images with masks of the same stem.

    Args:
        images: The image files by stem.
        masks: The mask files by the stem of their image.
        root: The data set's folder.
        classes: The class set of the format.
        read_mask: Reads a mask file; None reads a single-channel PNG of the class set's ids.

    Returns:
        A pair for each stem of an image or a mask, in the order of the stems.
    """
    masks = with_stems_of(images, masks)
    return tuple(
        MaskedImage(
            id=printable(stem),
            images=images.get(stem, ()),
            masks=masks.get(stem, ()),
            root=root,
            classes=classes,
            read_mask=read_mask or partial(read_labels, classes=classes),
        )
        for stem in sorted(images.keys() | masks.keys())
    )


# --- Checks of a layout.


@dataclass(frozen=True)
class Layout:
    """A format's layout of files.

    Attributes:
        name: The name of the format.
        expected: The folders and files of the layout, for messages.
        fits: Whether a folder looks like this layout, to suggest a folder inside the one given.
    """

    name: str
    expected: str
    fits: Callable[[Path], bool]

    def error(self, path: Path, wrong: str) -> UserError:
        """Return the error for a folder that has another layout."""
        near = [inner for inner in folders_in(path) if self.fits(inner)]
        hint = f". Did you mean {printable(near[0])}?" if near else ""
        return UserError(
            f"{printable(path)} is not in the layout of {self.name}: {wrong}; expected "
            f"{self.expected}; found: {contents(path)}{hint}"
        )

    def check_root(self, path: Path) -> None:
        """Raise UserError unless `path` is a folder."""
        if path.is_dir():
            return
        target = missing_target(path)
        kind = "is a file" if path.exists() else "does not exist"
        if target is not None:
            kind = f"is a link to {printable(target)}, where no folder is"
        raise UserError(
            f"the folder {printable(path)} {kind}; expected a folder of {self.name} with "
            f"{self.expected}"
        )

    def check_folder(self, root: Path, name: str) -> Path:
        """Return the folder `name` in `root`; raise UserError if it is missing."""
        folder = root / name
        if folder.is_dir():
            return folder
        target = missing_target(folder)
        kind = "is missing" if target is None else f"is a link to {target}, where no folder is"
        raise self.error(root, f"{name}/ {kind}")

    def check_images(self, root: Path, folder: Path, images: Mapping[str, Files]) -> None:
        """Raise UserError if `folder` contained no image."""
        if not images:
            name = "it" if folder == root else f"{folder.relative_to(root).as_posix()}/"
            raise self.error(root, f"{name} contains no image, but: {contents(folder)}")
