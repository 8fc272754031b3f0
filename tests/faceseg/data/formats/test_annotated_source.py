"""Annotations as a source: left is left in the image, and packs are identified by all settings."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.formats.annotated_source import AnnotatedSource
from faceseg.data.formats.sides import are_exchanged
from faceseg.data.formats.splitting import Shares
from faceseg.data.formats.table import open_annotations
from faceseg.data.pack import build_pack
from faceseg.errors import UserError
from tests.faceseg.data.formats.celebamask_folder import FRONTAL, exchanged, write_image

SHARES: Shares = (40, 30, 30)


def opened(root: Path, shares: Shares = SHARES, **rules: str) -> AnnotatedSource:
    return open_annotations("celebamask-hq", root, LAPA, rules=rules, shares=shares)


def write(root: Path, parts: dict, count: int = 12) -> AnnotatedSource:
    for number in range(count):
        write_image(root, number, parts)
    return opened(root)


def eyes(source: AnnotatedSource) -> list[str]:
    """Return the classes of the eye on the left and of the eye on the right of an image."""
    labels = source.items("test")[0].read()[1]
    return [LAPA.names[labels[22, 20]], LAPA.names[labels[22, 44]]]


def test_left_in_the_image_stays_left(tmp_path: Path) -> None:
    source = write(tmp_path, FRONTAL)
    assert eyes(source) == ["left_eye", "right_eye"]
    assert (source.exchanged_pairs(), source.notes()) == ((), ())


def test_the_persons_left_becomes_left_in_the_image(tmp_path: Path) -> None:
    source = write(tmp_path, exchanged(FRONTAL))
    assert eyes(source) == ["left_eye", "right_eye"]
    assert source.exchanged_pairs() == (
        ("left_eyebrow", "right_eyebrow"),
        ("left_eye", "right_eye"),
    )
    _, manifest = build_pack(source, tmp_path / "packs", LAPA, (32, 32))
    assert manifest.warnings[0].startswith("left and right were exchanged, so that left is left")
    assert all(side.kept == side.images == 12 for side in manifest.sides)


def test_pairs_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path, exchanged(FRONTAL, "eye"))
    with pytest.raises(UserError, match="left_eyebrow is left of right_eyebrow in 12 of 12 images"):
        source.items("test")[0].read()
    # The remedy of the message:
    assert eyes(opened(tmp_path, l_eye="right_eye", r_eye="left_eye")) == ["left_eye", "right_eye"]


def test_unclear_pairs_follow_the_clear_ones() -> None:
    labels = np.zeros((1, 40), dtype=np.uint8)
    labels[0, [5, 30]] = [3, 2]  # brows: right left of left
    other = labels.copy()
    labels[0, [6, 31]], other[0, [6, 31]] = [4, 5], [5, 4]  # eyes: one image each
    assert are_exchanged([labels, other], LAPA)
    brows_gone = [np.where(np.isin(each, (2, 3)), 0, each) for each in (labels, other)]
    assert not are_exchanged(brows_gone, LAPA)


def test_a_mislabelled_image_does_not_contradict_a_pair_of_many_images() -> None:
    # Eyes in five images, brows in two that are labelled the other way round.
    eyes = np.zeros((1, 40), dtype=np.uint8)
    eyes[0, [6, 31]] = [4, 5]
    both = eyes.copy()
    both[0, [5, 30]] = [3, 2]
    assert not are_exchanged([eyes] * 3 + [both] * 2, LAPA)
    with pytest.raises(UserError, match=r"in 5 of 5 images, but .* in 0 of 3 images"):
        are_exchanged([eyes] * 2 + [both] * 3, LAPA)


def test_the_identity_covers_files_rules_and_shares(tmp_path: Path) -> None:
    write(tmp_path, FRONTAL)
    found = [
        opened(tmp_path).identity(),
        opened(tmp_path, shares=(40, 31, 29)).identity(),
        opened(tmp_path, hat="hair").identity(),
    ]
    assert found[0] == opened(tmp_path).identity()
    (tmp_path / "CelebAMask-HQ-mask-anno/0/00003_hat.png").write_bytes(b"a new mask")
    found.append(opened(tmp_path).identity())
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "h\n" + "".join(f"{number} 0 {number}.jpg\n" for number in range(12))
    )
    (tmp_path / "list_eval_partition.txt").write_text(
        "".join(f"{number}.jpg {number % 3}\n" for number in range(12))
    )
    found.append(opened(tmp_path).identity())
    assert len({str(identity) for identity in found}) == len(found)


def test_a_bad_file_is_named_from_the_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "data", FRONTAL)
    for mask in (tmp_path / "data/CelebAMask-HQ-mask-anno/0").glob("*_skin.png"):
        mask.write_bytes(b"")
    with pytest.raises(UserError, match=r"  CelebAMask-HQ-mask-anno/0/00.*_skin\.png: empty file"):
        build_pack(source, tmp_path / "packs", LAPA, (32, 32))
