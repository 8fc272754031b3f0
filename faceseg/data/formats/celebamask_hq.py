"""CelebAMask-HQ as it is unpacked.

```
CelebA-HQ-img/0.jpg ... 29999.jpg                  1,024 x 1,024 pixels
CelebAMask-HQ-mask-anno/0/00000_skin.png ...       512 x 512 pixels, 0 and 255
CelebA-HQ-to-CelebA-mapping.txt                    the photograph of CelebA behind each image
list_eval_partition.txt                            CelebA's splits, if it was added by the user
```

A folder below `CelebAMask-HQ-mask-anno` contains the masks of 2,000 images, one for each visible
part. Masks overlap; they are painted in the order of the repository's `g_mask.py`, later parts
over earlier ones. With both text files, the splits are CelebA's: 24,183, 2,993 and 2,824 images.

Source: Lee et al. 2020, "MaskGAN"; github.com/switchablenorms/CelebAMask-HQ; for the splits,
Liu et al. 2015, "Deep Learning Face Attributes in the Wild".

Shapes: H rows, W columns of the image.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.formats.annotations import ALL, AnnotatedImage, Annotations
from faceseg.data.formats.celeba_splits import MAPPING_FILE, PARTITION_FILE, celeba_splits
from faceseg.data.formats.mapping import Conditional, Rules
from faceseg.data.image_files import folders_in, images_in, visible_entries
from faceseg.data.images import read_image, read_mask, resize_labels
from faceseg.data.problems import BadFile, same_proportions
from faceseg.data.source import Pair
from faceseg.errors import UserError

IMAGES, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
# In the order in which they are painted (`g_mask.py`); the id of a part is its place from 1 on.
PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
CLASSES = ("background", *PARTS)

_FACE = {
    "skin": "skin", "nose": "nose", "l_eye": "left_eye", "r_eye": "right_eye",
    "l_brow": "left_eyebrow", "r_brow": "right_eyebrow", "mouth": "inner_mouth",
    "u_lip": "upper_lip", "l_lip": "lower_lip", "hair": "hair",
}  # fmt: skip
TO_CELEBAMASK19: Rules = _FACE | {
    "eye_g": "glasses", "l_ear": "left_ear", "r_ear": "right_ear", "hat": "hat",
    "ear_r": "ear_ring", "neck_l": "necklace", "neck": "neck", "cloth": "cloth",
}  # fmt: skip
# LaPa's skin contains the ears. The lenses of sunglasses hide the eyes: they are no skin.
TO_LAPA: Rules = {
    **_FACE,
    "eye_g": Conditional(to="skin", where=("l_eye", "r_eye"), otherwise="background"),
    "l_ear": "skin",
    "r_ear": "skin",
    **dict.fromkeys(("hat", "ear_r", "neck_l", "neck", "cloth"), "background"),
}

_NUMBER = re.compile(r"[0-9]{1,9}")  # \d matches digits of other scripts
_MASK_NAME = re.compile(r"([0-9]{1,9})_(.+)")


@dataclass(frozen=True, kw_only=True)
class CelebAMaskImage:
    """One image of CelebAMask-HQ and its masks, (part, file)."""

    id: str
    image_files: tuple[Path, ...]
    masks: tuple[tuple[str, Path], ...]

    @property
    def image_file(self) -> Path:
        """The file of the image; that of a mask if there is no image."""
        return self.image_files[0] if self.image_files else self.masks[0][1]

    @property
    def files(self) -> tuple[Path, ...]:
        """The image and its masks."""
        return (*self.image_files, *(file for _, file in self.masks))

    def read(self) -> Pair:
        """Return the image (H, W, 3), and its labels (H, W) as indices of `CLASSES`."""
        self._check()
        image = read_image(self.image_file)
        masks = sorted(self.masks, key=lambda each: PARTS.index(each[0]))
        labels = read_mask(masks[0][1]).astype(np.uint8) * np.uint8(CLASSES.index(masks[0][0]))
        for part, file in masks[1:]:
            mask = read_mask(file)
            if mask.shape != labels.shape:
                expected = f"the {_size(labels)} pixels of {masks[0][1].name}"
                raise BadFile(file, f"a mask of {_size(mask)} pixels", expected)
            labels[mask] = CLASSES.index(part)
        if not same_proportions(labels, image):
            wrong = f"a mask of {_size(labels)} pixels for an image of {_size(image)}"
            raise BadFile(masks[0][1], wrong, "the same proportions")
        return image, resize_labels(labels, image.shape[:2])

    def _check(self) -> None:
        if not self.image_files:
            raise BadFile(self.masks[0][1], "has no image", f"{IMAGES}/{self.id}.jpg")
        if len(self.image_files) > 1:
            names = ", ".join(file.name for file in self.image_files)
            wrong = f"{len(self.image_files)} images of one number ({names})"
            raise BadFile(self.image_files[0], wrong, "one image for each number")
        if not _NUMBER.fullmatch(self.image_file.stem):
            raise BadFile(self.image_file, "its name is no number", "a name such as 123.jpg")
        if not self.masks:
            expected = f"masks such as {MASKS}/{int(self.id) // 2000}/{int(self.id):05}_skin.png"
            raise BadFile(self.image_file, "has no masks", expected)
        seen: dict[str, Path] = {}
        for part, file in self.masks:
            if part not in PARTS:
                raise BadFile(file, f"a mask of an unknown part {part!r}", f"{', '.join(PARTS)}")
            if part in seen:
                wrong = f"a second mask of {part}, beside {seen[part].parent.name}/{file.name}"
                raise BadFile(file, wrong, "one mask for each part")
            seen[part] = file


def read_celebamask_hq(path: Path) -> Annotations:
    """List the images of CelebAMask-HQ.

    Args:
        path: The folder CelebAMask-HQ, or the one that contains it.

    Returns:
        The images in CelebA's splits if both text files are there, otherwise in one split.

    Raises:
        UserError: The folders are missing, or a text file is damaged.
    """
    root = _root(path)
    images = {image.id: image for image in _images(root)}
    index = [root / MAPPING_FILE, root / PARTITION_FILE]
    if all(file.is_file() for file in index):
        splits = celeba_splits(images, *index)
        return Annotations(classes=CLASSES, splits=splits, root=root, index_files=tuple(index))
    return Annotations(classes=CLASSES, splits={ALL: tuple(images.values())}, root=root)


def _root(path: Path) -> Path:
    """Return the folder that contains images and masks."""
    for folder in (path, path / "CelebAMask-HQ"):
        if (folder / IMAGES).is_dir() and (folder / MASKS).is_dir():
            return folder
    expected = f"expected {path}/{{{IMAGES},{MASKS}}}, as CelebAMask-HQ.zip is unpacked"
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise UserError(f"the folder {path} {kind}; {expected}")
    inner = [each for each in folders_in(path) if (each / IMAGES).is_dir()]
    hint = f". Did you mean {inner[0]}?" if inner else ""
    if path.name in (IMAGES, MASKS):
        hint = f". Did you mean {path.parent}?"
    names = ", ".join(entry.name for entry in visible_entries(path)[:6]) or "nothing"
    raise UserError(f"{path} contains {names}; {expected}{hint}")


def _images(root: Path) -> list[AnnotatedImage]:
    """Return the images in the order of their numbers; those without a number come last."""
    files: dict[str, list[Path]] = defaultdict(list)
    for file in images_in(root / IMAGES):
        files[_name(file.stem)].append(file)
    masks = _masks(root / MASKS)
    if not files:
        raise UserError(f"{root / IMAGES} contains no image; expected 0.jpg to 29999.jpg")
    names = sorted(
        files.keys() | masks.keys(), key=lambda name: (not name.isdigit(), len(name), name)
    )
    return [
        CelebAMaskImage(
            id=name, image_files=tuple(files.get(name, ())), masks=tuple(masks.get(name, ()))
        )
        for name in names
    ]


def _masks(folder: Path) -> Mapping[str, list[tuple[str, Path]]]:
    """Return the masks of each image."""
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for file in (file for inner in folders_in(folder) for file in images_in(inner)):
        if match := _MASK_NAME.fullmatch(file.stem):
            found[_name(match[1])].append((match[2], file))
    return found


def _name(stem: str) -> str:
    """Return the name of an image: its number without leading zeros."""
    return str(int(stem)) if _NUMBER.fullmatch(stem) else stem


def _size(pixels: NDArray[Any]) -> str:
    return " x ".join(str(extent) for extent in pixels.shape[1::-1])
