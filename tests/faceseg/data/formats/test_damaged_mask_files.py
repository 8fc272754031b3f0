"""Damage in folders of masks: each kind is refused with the file's name, in every format."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from tests.faceseg.data.formats.mask_folders import COLUMNS, EXAMPLES, ROWS, Example


def truncate(file: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 3, (64, 64), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-100])


def corrupt(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-20] ^= 1  # in the last checksum or before it
    file.write_bytes(content)


def save_jpeg(file: Path) -> None:
    Image.new("L", (COLUMNS, ROWS), 3).save(file, "JPEG")


def save_16_bit_colours(file: Path) -> None:
    assert cv2.imwrite(str(file), np.full((ROWS, COLUMNS, 3), 300, dtype=np.uint16))


def replace_by_link(file: Path, target: str) -> None:
    file.unlink()
    file.symlink_to(target)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda file: file.unlink(), "has no label|missing"),
    "empty": (lambda file: file.write_bytes(b""), r"empty file \(0 bytes\)"),
    "text": (lambda file: file.write_text("ids", encoding="utf-8"), "no image of a known format"),
    "truncated": (truncate, "broken or truncated"),
    "a wrong checksum": (corrupt, "broken or truncated"),
    "a JPEG": (save_jpeg, "a JPEG"),
    "another size": (
        lambda file: Image.new("RGB" if "labels/a.png" in str(file) else "L", (10, 15)).save(file),
        "10 x 15",
    ),
    "16 bits": (save_16_bit_colours, "16"),
    "transparent": (
        lambda file: Image.new("RGBA", (COLUMNS, ROWS), (0, 0, 0, 9)).save(file),
        "partly transparent|kind RGBA",
    ),
    "unknown colours": (
        lambda file: Image.new("RGB", (COLUMNS, ROWS), (1, 99, 3)).save(file),
        r"\(1, 99, 3\) 384 times|kind RGB",
    ),
    "a link without a target": (
        lambda file: replace_by_link(file, "objects/none"),
        "a link to objects/none, where no file is",
    ),
    # Reading the memory of a process at the address 0 fails even for the administrator.
    "unreadable": (
        lambda file: replace_by_link(file, "/proc/self/mem"),
        "cannot be read",
    ),
}  # fmt: skip

formats = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def problem_of(example: Example, root: Path) -> BadFile:
    with pytest.raises(BadFile) as caught:
        example.item(root).read()
    return caught.value


@formats
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_mask_is_refused_by_its_name(
    example: Example, damage: str, tmp_path: Path
) -> None:
    root = example.write(tmp_path / "set")
    change, message = DAMAGE[damage]
    change(root / example.mask)
    with pytest.raises(BadFile, match=message) as caught:
        example.item(root).read()
    missing_pair = damage == "missing" and example.mask != EXAMPLES["helen"].mask
    assert caught.value.file == (example.image if missing_pair else example.mask)


@formats
def test_other_images_stay_readable(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    (root / example.mask).unlink()
    problem_of(example, root)
    others = [item for item in example.read(root).splits[example.split] if item.id != example.name]
    assert len(others) == 1
    assert others[0].read()[1].shape == (ROWS, COLUMNS)


@pytest.mark.parametrize("name", ["easyportrait", "ibugmask", "facesynthetics"])
def test_an_id_outside_the_format_is_refused(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    root = example.write(tmp_path / "set")
    Image.new("L", (COLUMNS, ROWS), 77).save(root / example.mask)
    problem = problem_of(example, root)
    assert problem.file == example.mask
    assert problem.wrong == "384 pixels have ids outside the class set: 77"


@formats
def test_a_damaged_image_is_refused_by_its_name(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    file = root / example.image
    file.write_bytes(file.read_bytes()[:50])
    assert problem_of(example, root).file == example.image


@formats
def test_a_mask_without_an_image_is_refused(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    (root / example.image).unlink()
    problem = problem_of(example, root)
    assert problem.wrong == "has no image"
    assert problem.file in (example.mask, str(Path(example.mask).parent))


@formats
def test_two_images_of_one_stem_are_refused(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    first = root / example.image
    shutil.copy(first, first.with_suffix(".jpeg"))
    assert "2 image files share a stem" in problem_of(example, root).wrong


@pytest.mark.parametrize("name", ["easyportrait", "colours", "facesynthetics"])
def test_two_masks_of_one_stem_are_refused(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    root = example.write(tmp_path / "set")
    mask = root / example.mask
    shutil.copy(mask, mask.with_suffix(".bmp"))
    assert "2 label files share a stem" in problem_of(example, root).wrong


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "helen"])
def test_a_name_that_is_not_utf8_is_refused(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    root = example.write(tmp_path / "set")
    for file in (root / example.image, root / example.mask):
        file.rename(file.with_name(file.name.replace(example.name, os.fsdecode(b"caf\xe9"), 1)))
    found = {item.id: item for item in example.read(root).splits[example.split]}
    with pytest.raises(BadFile, match=r"caf\\xe9.*: a name that is not UTF-8"):
        found[r"caf\xe9"].read()


@formats
def test_links_to_files_elsewhere_are_followed(example: Example, tmp_path: Path) -> None:
    # git-annex, DVC and Hugging Face store a file under its digest and link to it.
    root = example.write(tmp_path / "set")
    image, labels = example.item(root).read()
    for number, name in enumerate((example.image, example.mask)):
        blob = tmp_path / f"blob{number}"
        (root / name).rename(blob)
        (root / name).symlink_to(blob)
    linked = example.item(root)
    np.testing.assert_array_equal(linked.read()[0], image)
    np.testing.assert_array_equal(linked.read()[1], labels)
    assert root / example.mask in linked.files


@formats
def test_masks_of_half_the_size_are_resized_by_the_nearest_pixel(
    example: Example, tmp_path: Path
) -> None:
    root = example.write(tmp_path / "set")
    _, labels = example.item(root).read()
    Image.new("RGB", (2 * COLUMNS, 2 * ROWS)).save(root / example.image)
    image, resized = example.item(root).read()
    assert image.shape == (2 * ROWS, 2 * COLUMNS, 3)
    np.testing.assert_array_equal(resized, labels.repeat(2, axis=0).repeat(2, axis=1))


@formats
def test_a_folder_without_images_is_refused(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    for file in (root / example.image).parent.iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"contains no image|is missing"):
        example.read(root)


@formats
def test_an_empty_folder_and_a_missing_one_are_refused(example: Example, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"is not in the layout of .* found: nothing"):
        example.read(tmp_path / "empty")
    with pytest.raises(UserError, match="none does not exist; expected a folder of"):
        example.read(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file"):
        example.read(tmp_path / "file")


@formats
def test_the_parent_folder_is_answered_with_the_right_one(example: Example, tmp_path: Path) -> None:
    root = example.write(tmp_path / "set")
    with pytest.raises(UserError, match=rf"Did you mean {root}\?"):
        example.read(tmp_path)
