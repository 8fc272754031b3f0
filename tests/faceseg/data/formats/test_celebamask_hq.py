"""CelebAMask-HQ: its layout, the order in which parts are painted, its splits, and damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.class_sets import CELEBAMASK19
from faceseg.data.classes import LAPA
from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.celeba_splits import MAPPING_FILE, PARTITION_FILE
from faceseg.data.formats.celebamask_hq import CLASSES, read_celebamask_hq
from faceseg.data.formats.table import open_annotations
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from tests.faceseg.data.formats.celebamask_folder import (
    FRONTAL,
    GLASSES,
    SUNGLASSES,
    write_folder,
    write_image,
)

IMAGES, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"


def first_labels(root: Path) -> np.ndarray:
    return read_celebamask_hq(root).splits[ALL][0].read()[1]


def test_the_ids_are_those_of_the_publishers_script(tmp_path: Path) -> None:
    # The numbers that g_mask.py writes: skin 1, nose 2, eye_g 3, l_eye 4, ..., cloth 18.
    write_image(tmp_path, 0, FRONTAL)
    labels = first_labels(tmp_path)
    assert labels.shape == (64, 64)
    ids = {"skin": 1, "nose": 2, "l_eye": 4, "r_eye": 5, "l_brow": 6, "r_brow": 7, "l_ear": 8}
    ids |= {"r_ear": 9, "mouth": 10, "u_lip": 11, "l_lip": 12, "hair": 13, "neck": 17}
    for part, number in ids.items():
        left, _, top, _ = FRONTAL[part]
        assert labels[2 * top, 2 * left] == number
        assert CLASSES[number] == part
    assert np.unique(labels).tolist() == [0, *sorted(ids.values())]
    # Rectangles cover each other: the skin keeps what no later part has.
    painted = [(right - left) * (bottom - top) for left, right, top, bottom in
               (FRONTAL[part] for part in ("nose", "u_lip", "mouth", "l_lip", "l_eye", "r_eye",
                                           "l_brow", "r_brow"))]  # fmt: skip
    assert np.count_nonzero(labels == 1) == 4 * (24 * 24 - sum(painted))


def test_later_parts_are_painted_over_earlier_ones(tmp_path: Path) -> None:
    write_image(tmp_path, 0, {"hair": (0, 32, 0, 16), "skin": (0, 32, 0, 32), "hat": (0, 8, 0, 8)})
    labels = first_labels(tmp_path)
    assert [labels[0, 0], labels[0, 63], labels[63, 0]] == [14, 13, 1]


def test_the_names_of_the_class_set_follow_the_parts() -> None:
    assert len(CELEBAMASK19) == len(CLASSES) == 19
    sides = [CELEBAMASK19.names[each] for pair in CELEBAMASK19.pairs for each in pair]
    assert sides == [
        *("left_eye", "right_eye", "left_eyebrow", "right_eyebrow", "left_ear", "right_ear")
    ]
    assert {CELEBAMASK19.names[each] for each in CELEBAMASK19.small} == {
        LAPA.names[each] for each in LAPA.small
    }


def test_the_parent_folder_is_accepted_too(tmp_path: Path) -> None:
    write_image(tmp_path / "CelebAMask-HQ", 2000, FRONTAL)
    found = read_celebamask_hq(tmp_path)
    assert found.root == tmp_path / "CelebAMask-HQ"
    assert [image.id for image in found.splits[ALL]] == ["2000"]
    assert len(found.splits[ALL][0].files) == 1 + len(FRONTAL)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nothing", "does not exist"),
        ("outer", "outer contains inner; expected .* Did you mean .*inner"),
        ("outer/inner/CelebA-HQ-img", "Did you mean .*inner"),
    ],
)
def test_another_layout_is_refused(given: str, words: str, tmp_path: Path) -> None:
    write_image(tmp_path / "outer/inner", 0, FRONTAL)
    with pytest.raises(UserError, match=words):
        read_celebamask_hq(tmp_path / given)


def test_the_splits_are_those_of_celeba(tmp_path: Path) -> None:
    write_folder(tmp_path, 3)
    lines = ["idx     orig_idx   orig_file", "0  119613  119614.jpg", "1  99  000100.jpg",
             "2   162770   162771.jpg"]  # fmt: skip
    (tmp_path / MAPPING_FILE).write_text("\n".join(lines))
    (tmp_path / PARTITION_FILE).write_text("000100.jpg 2\n119614.jpg 0\n162771.jpg 1\n")
    found = read_celebamask_hq(tmp_path)
    assert {split: [image.id for image in images] for split, images in found.splits.items()} == {
        "train": ["0"],
        "val": ["2"],
        "test": ["1"],
    }
    assert {file.name for file in found.index_files} == {MAPPING_FILE, PARTITION_FILE}


@pytest.mark.parametrize(
    ("mapping", "partition", "words"),
    [
        ("h\n0 1", "a.jpg 0", f"{MAPPING_FILE}, line 2: '0 1' has 2 words; expected 3"),
        ("h\n1 1 a.jpg", "a.jpg 0", f"{MAPPING_FILE} has no line for the image 0"),
        ("h\n0 1 a.jpg", "b.jpg 0", f"{PARTITION_FILE} has no line for a.jpg"),
        ("h\n0 1 a.jpg", "a.jpg 3", f"{PARTITION_FILE} has '3' for a.jpg"),
        ("h\n0 1 \udcff", "a.jpg 3", f"{MAPPING_FILE} cannot be read as text"),
    ],
)
def test_damaged_index_files_are_refused(
    mapping: str, partition: str, words: str, tmp_path: Path
) -> None:
    write_folder(tmp_path, 1)
    (tmp_path / MAPPING_FILE).write_bytes(mapping.encode("utf-8", "surrogateescape"))
    (tmp_path / PARTITION_FILE).write_text(partition)
    with pytest.raises(UserError, match=words):
        read_celebamask_hq(tmp_path)


@pytest.mark.parametrize(
    ("parts", "lens"),
    [(FRONTAL | GLASSES, "skin"), (SUNGLASSES, "background")],
    ids=["glasses", "sunglasses"],
)
def test_in_lapas_classes_only_sunglasses_are_background(
    parts: dict[str, tuple[int, int, int, int]], lens: str, tmp_path: Path
) -> None:
    for number in range(12):
        write_image(tmp_path, number, parts)
    source = open_annotations("celebamask-hq", tmp_path, LAPA, shares=(40, 30, 30))
    labels = source.items("train")[0].read()[1]
    assert LAPA.names[labels[2 * 10, 2 * 15]] == lens  # between the eyes
    assert LAPA.names[labels[2 * 12, 2 * 2]] == "skin"  # an ear
    assert LAPA.names[labels[63, 32]] == "background"  # the neck


# --- Damage: each kind is refused with the name of the file.


def mask(root: Path, part: str = "skin") -> Path:
    return root / MASKS / "0" / f"00000_{part}.png"


def image(root: Path) -> Path:
    return root / IMAGES / "0.jpg"


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def rewrite(file: Path, pixels: np.ndarray, kind: str = "PNG") -> None:
    Image.fromarray(pixels).save(file, kind)


def copy_mask(root: Path, name: str) -> None:
    (root / MASKS / name).parent.mkdir(exist_ok=True)
    (root / MASKS / name).write_bytes(mask(root).read_bytes())


def break_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nowhere/else.png")


def remove_masks(root: Path) -> None:
    for file in (root / MASKS / "0").iterdir():
        file.unlink()


SMOOTH = np.full((32, 32), 255, np.uint8) - np.eye(32, dtype=np.uint8) * 200
RED = np.zeros((32, 32, 3), np.uint8)
RED[..., 0] = 255
DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a truncated image": (lambda root: truncate(image(root)), "0.jpg", "truncated"),
    "a truncated mask": (lambda root: truncate(mask(root)), "00000_skin.png", "truncated"),
    "an empty mask": (lambda root: mask(root).write_bytes(b""), "00000_skin.png", "0 bytes"),
    "text as an image": (lambda root: image(root).write_text("face"), "0.jpg", "known format"),
    "a mask resized smoothly": (
        lambda root: rewrite(mask(root), SMOOTH),
        "00000_skin.png",
        "others than 0 and 255: 55, 255",
    ),
    "a mask in colours": (lambda root: rewrite(mask(root), RED), "00000_skin.png", "colour"),
    "a mask as JPEG": (
        lambda root: rewrite(mask(root), np.zeros((32, 32), np.uint8), "JPEG"),
        "00000_skin.png",
        "JPEG",
    ),
    "masks of two sizes": (
        lambda root: rewrite(mask(root, "nose"), np.zeros((16, 16), np.uint8)),
        "00000_nose.png",
        "16 x 16 pixels; expected the 32 x 32 pixels of 00000_skin.png",
    ),
    "an image of other proportions": (
        lambda root: rewrite(image(root), np.zeros((64, 99, 3), np.uint8)),
        "00000_skin.png",
        "32 x 32 pixels for an image of 99 x 64",
    ),
    "no masks": (remove_masks, "0.jpg", "has no masks"),
    "no image": (lambda root: image(root).unlink(), "00000_", "has no image"),
    "two images": (
        lambda root: rewrite(root / IMAGES / "00000.png", RED),
        "/0",
        "2 images of one number",
    ),
    "an unknown part": (lambda root: copy_mask(root, "0/00000_chin.png"), "_chin", "unknown part"),
    "a part twice": (lambda root: copy_mask(root, "1/00000_skin.png"), "1/00000_skin", "second"),
    # Its masks then lack an image: a second problem.
    "a name without a number": (
        lambda root: image(root).rename(root / IMAGES / "anna.jpg"),
        "anna.jpg",
        "no number",
    ),
    "a broken link": (lambda root: break_link(mask(root)), "00000_skin.png", "/nowhere/else.png"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_the_name_of_the_file(kind: str, tmp_path: Path) -> None:
    damage, name, words = DAMAGE[kind]
    write_folder(tmp_path, 2)
    damage(tmp_path)
    bad = []
    for item in read_celebamask_hq(tmp_path).splits[ALL]:
        try:
            item.read()
        except BadFile as error:
            bad.append(error)
    assert [name in error.file and words in str(error) for error in bad].count(True) == 1, bad
