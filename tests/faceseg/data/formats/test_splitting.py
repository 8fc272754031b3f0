"""Splits by a hash of the name: stable, in the given shares, and complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.splitting import check_shares, divide
from faceseg.data.source import Pair
from faceseg.errors import UserError


@dataclass(frozen=True)
class NamedImage:
    """An image of which only the name matters."""

    id: str

    image_file = Path("image.jpg")
    files = (image_file,)

    def read(self) -> Pair:
        raise NotImplementedError


def images(*names: str) -> list[NamedImage]:
    return [NamedImage(name) for name in names]


MANY = images(*(f"face{number}" for number in range(2000)))


def names(found: Mapping[str, list]) -> dict[str, set[str]]:
    return {split: {image.id for image in each} for split, each in found.items()}


def test_every_image_is_in_one_split_and_the_shares_are_kept() -> None:
    found = divide({ALL: MANY}, (80, 10, 10))
    assert sorted(image.id for each in found.values() for image in each) == sorted(
        image.id for image in MANY
    )
    # Binomial with n = 2000: a standard deviation of 18 for the large split, of 13 for the others.
    assert abs(len(found["train"]) - 1600) < 4 * 18
    assert abs(len(found["val"]) - 200) < 4 * 13
    assert abs(len(found["test"]) - 200) < 4 * 13


def test_added_images_move_no_other_image() -> None:
    few, more = (
        names(divide({ALL: MANY[::2]}, (60, 20, 20))),
        names(divide({ALL: MANY}, (60, 20, 20))),
    )
    assert all(few[split] <= more[split] for split in ("train", "val", "test"))


def test_versions_of_one_photograph_stay_together() -> None:
    versions = images(*(f"HELEN_{photo}_{n}" for photo in range(100) for n in range(5)))
    photos = {
        split: {name.rpartition("_")[0] for name in each}
        for split, each in names(divide({ALL: versions}, (60, 20, 20))).items()
    }
    assert sum(map(len, photos.values())) == 100


def test_only_missing_splits_are_taken_from_train() -> None:
    found = names(divide({"train": MANY, "test": images("a", "b")}, (80, 10, 10)))
    assert found["test"] == {"a", "b"}
    assert len(found["train"]) + len(found["val"]) == 2000
    # val has 10 of the 90 per cent that are divided: 222 images, standard deviation 14.
    assert abs(len(found["val"]) - 2000 / 9) < 4 * 14


def test_given_splits_keep_their_images_and_order() -> None:
    given = {"train": images("b", "a"), "val": images("c"), "test": images("d")}
    assert divide(given, (80, 10, 10)) == given


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"test": images("a")}, "the splits test and no image from which train, val"),
        ({}, "the splits none and no image"),
        ({ALL: images("a", "b", "c")}, "would have no image: 3 images were divided .*60,20,20"),
    ],
)
def test_splits_that_cannot_be_filled_are_refused(splits: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        divide(splits, (80, 10, 10))


@pytest.mark.parametrize("shares", [(80, 20), (80, 10, 11), (100, 0, 0), (110, -20, 10)])
def test_shares_are_three_positive_numbers_that_add_up_to_100(shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three whole numbers"):
        check_shares(shares)


def test_fewer_images_than_splits_are_refused_without_other_shares() -> None:
    with pytest.raises(UserError, match=r"2 images.*at least 3") as refused:
        divide({ALL: images("a", "b")}, (80, 10, 10))
    assert "larger shares" not in str(refused.value)
