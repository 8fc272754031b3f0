"""FaceSynthetics: `NAME.png`, `NAME_seg.png` and `NAME_ldmks.txt` in one folder, 19 classes.

Source: Wood et al., 'Fake It Till You Make It: Face analysis in the wild using synthetic data
alone', ICCV 2021, arXiv:2109.15102; the layout and the ids are those of the README of
github.com/microsoft/FaceSynthetics. The id 255 is IGNORE, as here. Landmarks are not read.

'Left' means left in the image: in a sample of 100 images the mean x of LEFT is smaller than that of
RIGHT in all images that show both (85 with eyes, 97 with brows, 11 with ears).

In LaPa's classes, ears and beard are skin. Glasses with opaque lenses, headwear, facewear, clothing
and the neck are background, because LaPa has no class for what covers a face.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from faceseg.data.class_sets import FACESYNTHETICS
from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.mask_files import Layout, masked_images
from faceseg.data.image_files import images_in
from faceseg.data.paired_files import Files

TO_LAPA: Mapping[str, str] = {
    "background": "background",
    "skin": "skin",
    "nose": "nose",
    "right_eye": "right_eye",
    "left_eye": "left_eye",
    "right_brow": "right_eyebrow",
    "left_brow": "left_eyebrow",
    "right_ear": "skin",
    "left_ear": "skin",
    "mouth_interior": "inner_mouth",
    "top_lip": "upper_lip",
    "bottom_lip": "lower_lip",
    "neck": "background",
    "hair": "hair",
    "beard": "skin",
    "clothing": "background",
    "glasses": "background",
    "headwear": "background",
    "facewear": "background",
}

_MASK_SUFFIX = "_seg"


def _has_mask(folder: Path) -> bool:
    return any(file.stem.endswith(_MASK_SUFFIX) for file in images_in(folder))


_LAYOUT = Layout("FaceSynthetics", "NAME.png beside NAME_seg.png in one folder", _has_mask)


def read_facesynthetics(path: Path) -> Annotations:
    """List the images of an unpacked FaceSynthetics.

    Args:
        path: The folder of the images, such as `dataset_1000`.

    Returns:
        The images in one split, with the ids of `FACESYNTHETICS`.

    Raises:
        UserError: The folder has another layout.
    """
    _LAYOUT.check_root(path)
    images: dict[str, Files] = defaultdict(tuple)
    masks: dict[str, Files] = defaultdict(tuple)
    for file in images_in(path):
        is_mask = file.stem.endswith(_MASK_SUFFIX)
        (masks if is_mask else images)[file.stem.removesuffix(_MASK_SUFFIX)] += (file,)
    _LAYOUT.check_images(path, path, images)
    if not masks:
        raise _LAYOUT.error(path, f"no file name ends with {_MASK_SUFFIX}.png")
    found = masked_images(dict(images), dict(masks), path, FACESYNTHETICS)
    return Annotations(classes=FACESYNTHETICS.names, splits={ALL: found}, root=path)
