"""The built-in class sets, by the name that `data.classes` and `--classes` accept."""

from collections.abc import Mapping
from typing import Literal

from faceseg.data.classes import LAPA, ClassSet

# The 19 classes of CelebAMask-HQ, in the order of its repository's `g_mask.py`, whose palette
# (`g_color.py`) this is. Networks trained with the code of BiSeNet use another order: skin,
# l_brow, r_brow, l_eye, r_eye, eye_g, l_ear, r_ear, ear_r, nose, mouth, u_lip, l_lip, neck,
# neck_l, cloth, hair, hat. This set has the order of the masks that the publishers' own script
# writes. Left means left in the image, as in LaPa.
# Source: Lee et al. 2020, "MaskGAN"; github.com/switchablenorms/CelebAMask-HQ.
CELEBAMASK19 = ClassSet(
    names=(
        "background",
        "skin",
        "nose",
        "glasses",
        "left_eye",
        "right_eye",
        "left_eyebrow",
        "right_eyebrow",
        "left_ear",
        "right_ear",
        "inner_mouth",
        "upper_lip",
        "lower_lip",
        "hair",
        "hat",
        "ear_ring",
        "necklace",
        "neck",
        "cloth",
    ),
    palette=(
        (0, 0, 0),
        (204, 0, 0),
        (76, 153, 0),
        (204, 204, 0),
        (51, 51, 255),
        (204, 0, 204),
        (0, 255, 255),
        (255, 204, 204),
        (102, 51, 0),
        (255, 0, 0),
        (102, 204, 0),
        (255, 255, 0),
        (0, 0, 153),
        (0, 0, 204),
        (255, 51, 153),
        (0, 204, 204),
        (0, 51, 0),
        (255, 153, 51),
        (0, 204, 0),
    ),
    pairs=((4, 5), (6, 7), (8, 9)),
    small=(4, 5, 6, 7, 10, 11, 12),  # the parts that are small in LaPa's set too
    face=(1, 2, 3, 4, 5, 6, 7, 10, 11, 12),
    eyes=(4, 5),
    skin=1,
    hair=13,
    ears=(8, 9),
)

# The nine classes of EasyPortrait (`faceseg.data.formats.easyportrait`).
EASYPORTRAIT = ClassSet(
    names=(
        "background",
        "person",
        "skin",
        "left_brow",
        "right_brow",
        "left_eye",
        "right_eye",
        "lips",
        "teeth",
    ),
    palette=(
        (0, 0, 0),
        (128, 128, 255),
        (0, 153, 255),
        (102, 255, 153),
        (0, 204, 153),
        (255, 255, 102),
        (255, 255, 204),
        (255, 102, 255),
        (102, 0, 51),
    ),
    pairs=((3, 4), (5, 6)),
    small=(3, 4, 5, 6, 7, 8),
    face=(2, 3, 4, 5, 6, 7, 8),
    eyes=(5, 6),
    skin=2,
)

# The 19 classes of FaceSynthetics (`faceseg.data.formats.facesynthetics`).
FACESYNTHETICS = ClassSet(
    names=(
        "background",
        "skin",
        "nose",
        "right_eye",
        "left_eye",
        "right_brow",
        "left_brow",
        "right_ear",
        "left_ear",
        "mouth_interior",
        "top_lip",
        "bottom_lip",
        "neck",
        "hair",
        "beard",
        "clothing",
        "glasses",
        "headwear",
        "facewear",
    ),
    palette=(
        (0, 0, 0),
        (0, 153, 255),
        (255, 153, 0),
        (255, 255, 204),
        (255, 255, 102),
        (0, 204, 153),
        (102, 255, 153),
        (153, 102, 51),
        (204, 153, 102),
        (102, 0, 51),
        (255, 102, 255),
        (255, 204, 255),
        (0, 76, 153),
        (255, 0, 102),
        (153, 0, 61),
        (102, 102, 102),
        (102, 0, 204),
        (0, 102, 0),
        (204, 204, 204),
    ),
    pairs=((4, 3), (6, 5), (8, 7)),
    small=(3, 4, 5, 6, 9, 10, 11),
    face=(1, 2, 3, 4, 5, 6, 9, 10, 11, 14),
    eyes=(4, 3),
    skin=1,
    hair=13,
    ears=(8, 7),
    beard=14,
)

BuiltIn = Literal["lapa", "celebamask19", "easyportrait", "facesynthetics"]
BUILT_IN: Mapping[str, ClassSet] = {
    "lapa": LAPA,
    "celebamask19": CELEBAMASK19,
    "easyportrait": EASYPORTRAIT,
    "facesynthetics": FACESYNTHETICS,
}
