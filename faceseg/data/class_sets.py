"""The built-in class sets, by the name that `data.classes` and `--classes` accept."""

from collections.abc import Mapping

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
    face=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),  # with ears, which are skin in LaPa's set
    eyes=(4, 5),
    skin=1,
    hair=13,
    ears=(8, 9),
)

BUILT_IN: Mapping[str, ClassSet] = {"lapa": LAPA, "celebamask19": CELEBAMASK19}
