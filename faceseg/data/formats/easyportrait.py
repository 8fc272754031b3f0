"""EasyPortrait: `images/SPLIT/NAME.jpg` and `annotations/SPLIT/NAME.png`, nine classes.

Source: Kapitanov, Kvanchiani and Kirillova, 'EasyPortrait: Face Parsing and Portrait Segmentation
Dataset', arXiv:2304.13509; the layout and the ids are those of the README of
github.com/hukenovs/easyportrait, the same in its versions 1 and 2.

The classes have no faithful translation into LaPa's: the nose is part of `skin`, hair is part of
`person` together with the neck and the clothes, `lips` are not divided into upper and lower lip,
and of the inside of the mouth only `teeth` are labelled. A network trained on such a translation
would learn that a face has no nose and no hair. So there is no `TO_LAPA`; `EASYPORTRAIT` is the
class set to train with. The specification does not state whether 'left' means left in the image.
"""

from pathlib import Path

from faceseg.data.class_sets import EASYPORTRAIT
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mask_files import Layout, masked_images
from faceseg.data.formats.splitting import SPLITS
from faceseg.data.image_files import images_by_stem

WHY_NOT_LAPA = (
    "EasyPortrait's classes cannot be translated into LaPa's: its skin includes the nose, its "
    "person includes the hair, the neck and the clothes, and its lips are one class. Use its own "
    "nine classes, easyportrait (--classes, or data.classes), or a file that maps them"
)

_LAYOUT = Layout(
    "EasyPortrait",
    "images/{train,val,test} and annotations/{train,val,test}",
    lambda folder: (folder / "images").is_dir() and (folder / "annotations").is_dir(),
)


def read_easyportrait(path: Path) -> Annotations:
    """List the images of an unpacked EasyPortrait.

    Args:
        path: The folder with `images` and `annotations`. Splits that `images` does not contain
            are left out: the archives of the splits can be downloaded one by one.

    Returns:
        The images in their splits, with the ids of `EASYPORTRAIT`.

    Raises:
        UserError: The folder has another layout.
    """
    _LAYOUT.check_root(path)
    folders = {each: _LAYOUT.check_folder(path, each) for each in ("images", "annotations")}
    splits = [split for split in SPLITS if (folders["images"] / split).exists()]
    if not splits:
        raise _LAYOUT.error(path, "images/ contains no folder train, val or test")
    found = {}
    for split in splits:
        image_folder = _LAYOUT.check_folder(path, f"images/{split}")
        images = images_by_stem(image_folder)
        _LAYOUT.check_images(path, image_folder, images)
        masks = images_by_stem(_LAYOUT.check_folder(path, f"annotations/{split}"))
        found[split] = masked_images(images, masks, path, EASYPORTRAIT)
    return Annotations(classes=EASYPORTRAIT.names, splits=found, root=path)
