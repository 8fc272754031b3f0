"""iBugMask: `{train,test}/NAME.jpg` beside `NAME.png`, eleven classes in LaPa's order.

Source: Lin, Shen, Wang and Pantic, 'RoI Tanh-polar transformer network for face parsing in the
wild', Image and Vision Computing 112 (2021), arXiv:2102.02717; the ids are those of the README of
github.com/hhj1897/face_parsing. Skin includes the scalp. Boxes and landmarks (`.txt`) are not read.
The specification does not state whether 'left' means left in the image.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from faceseg.data.classes import LAPA
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mask_files import Layout, masked_images
from faceseg.data.image_files import images_in
from faceseg.data.paired_files import Files

TO_LAPA: Mapping[str, str] = {name: name for name in LAPA.names}

_SPLITS = ("train", "test")
_LAYOUT = Layout(
    "iBugMask",
    "train/ and test/, each with NAME.jpg beside NAME.png",
    lambda folder: all((folder / split).is_dir() for split in _SPLITS),
)
_POSE = re.compile(r"(.+)_\d\d")


def read_ibugmask(path: Path) -> Annotations:
    """List the images of an unpacked iBugMask.

    Args:
        path: The folder with `train` and `test`. There is no split `val`.

    Returns:
        The images in their splits, with LaPa's ids and names.

    Raises:
        UserError: The folder has another layout.
    """
    _LAYOUT.check_root(path)
    splits = {}
    for split in _SPLITS:
        folder = _LAYOUT.check_folder(path, split)
        images, masks = _by_stem(folder)
        _LAYOUT.check_images(path, folder, images)
        splits[split] = masked_images(images, masks, path, LAPA)
    return Annotations(classes=LAPA.names, splits=splits, root=path)


def photograph_of(name: str) -> str:
    """Return the photograph that an image of `train` shows, from its id.

    `train` contains each photograph in several artificial poses, `NAME_00` being the original.
    Images of one photograph must not be divided between a train and a val split.
    """
    match = _POSE.fullmatch(name)
    return match[1] if match else name


def _by_stem(folder: Path) -> tuple[dict[str, Files], dict[str, Files]]:
    """Return the images and the masks in a folder by stem; every PNG is a mask."""
    images: dict[str, Files] = defaultdict(tuple)
    masks: dict[str, Files] = defaultdict(tuple)
    for file in images_in(folder):
        kind = masks if file.suffix.lower() == ".png" else images
        kind[file.stem] += (file,)
    return dict(images), dict(masks)
