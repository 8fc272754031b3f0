"""Slices: facts measured in synthetic pictures, thirds and limits, scores counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.data.pack import build_pack
from faceseg.data.source import Facts
from faceseg.data.split import open_split
from faceseg.evaluation.slices import (
    ALL,
    Slice,
    Slices,
    SliceScore,
    image_facts,
    measure_facts,
    score_slices,
    slice_images,
    worst_slice,
)
from faceseg.metrics.confusion_matrix import class_iou

LEFT, RIGHT = LAPA.eyes


def members(found: Slices, name: str) -> list[int]:
    (one,) = (each for each in found.kept if each.name == name)
    return np.flatnonzero(one.members).tolist()


def of(fact: str, *values: float | str) -> list[Facts]:
    return [{fact: value} for value in values]


def test_the_share_of_the_face_leaves_hair_out() -> None:
    labels = np.zeros((4, 5), np.uint8)
    labels[:2] = LAPA.skin
    labels[2] = 10  # hair
    labels[3, :2] = 6  # nose
    image = np.zeros((4, 5, 3), np.uint8)
    assert measure_facts(image, labels, LAPA)["face_share"] == pytest.approx(12 / 20)


@pytest.mark.parametrize(
    ("rgb", "lightness"),
    # L* = 116 Y^(1/3) - 16. Pure red has Y = 0.2126; sRGB 119 a Y of 0.1845, 188 one of 0.5029.
    [((0, 0, 0), 0), ((255, 255, 255), 100), ((255, 0, 0), 53.24), ((119, 119, 119), 50.03),
     ((188, 188, 188), 76.24)],
)  # fmt: skip
def test_lightness_is_that_of_the_face_alone(rgb: tuple[int, int, int], lightness: float) -> None:
    labels = np.zeros((3, 3), np.uint8)
    labels[1, 1] = LAPA.skin
    image = np.full((3, 3, 3), 60, np.uint8)
    image[1, 1] = rgb
    assert measure_facts(image, labels, LAPA)["lightness"] == pytest.approx(lightness, abs=0.2)


def test_roll_is_the_slope_between_the_eyes_and_clockwise_is_positive() -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[9:12, 4:7] = LEFT  # around (5, 10)
    labels[19:22, 14:17] = RIGHT  # around (15, 20)
    image = np.zeros((30, 30, 3), np.uint8)
    assert measure_facts(image, labels, LAPA)["roll_degrees"] == pytest.approx(45)
    assert measure_facts(image[::-1], labels[::-1], LAPA)["roll_degrees"] == pytest.approx(-45)


def test_facts_that_are_not_visible_are_missing() -> None:
    labels = np.zeros((8, 8), np.uint8)
    image = np.zeros((8, 8, 3), np.uint8)
    assert measure_facts(image, labels, LAPA) == {"face_share": 0.0}
    labels[2, 2] = LEFT
    assert "roll_degrees" not in measure_facts(image, labels, LAPA)


def test_the_roll_of_drawn_faces_is_found() -> None:
    found = []
    for item in DrawnFaces(counts={"test": 40}, size=96, difficulty=0.7).items("test"):
        image, labels = item.read()
        factors = item.factors()
        if factors["occluder"] == "none":
            roll = measure_facts(image, labels, LAPA).get("roll_degrees", np.nan)
            found.append((roll, float(str(factors["roll_degrees"]))))
    got, true = np.array(found).T
    assert np.nanmean(np.abs(got - true)) < 2
    assert np.nanstd(true) > 5


def test_the_facts_of_a_split_are_those_of_the_source_and_the_measured(tmp_path: Path) -> None:
    source = DrawnFaces(counts={"train": 2, "test": 2}, size=32, seed=1)
    test = open_split(build_pack(source, tmp_path, LAPA, (32, 32))[0], "test")
    (first, _) = image_facts(test, LAPA)
    assert first["skin_tone"] == source.items("test")[0].factors()["skin_tone"]
    assert first.items() >= measure_facts(*test.original(0), LAPA).items()


def test_thirds_are_by_rank() -> None:
    found = slice_images(of("face_share", 0.9, 0.1, 0.2, 0.4, 0.3, 0.8), fewest=1)
    assert members(found, "face size: smallest third") == [1, 2]
    assert members(found, "face size: middle third") == [3, 4]
    assert members(found, "face size: largest third") == [0, 5]


def test_skin_tones_are_named_from_light_to_dark() -> None:
    found = slice_images(of("skin_tone", 0.9, 0.1, 0.5), fewest=1)
    assert members(found, "skin tone: lightest third") == [1]
    assert members(found, "skin tone: darkest third") == [0]


def test_angles_are_divided_by_their_absolute_value() -> None:
    found = slice_images(of("yaw_degrees", -35.0, 20.0, 0.0, 20.5), fewest=1)
    assert members(found, "turn of the head: at most 20 degrees") == [1, 2]
    assert members(found, "turn of the head: more than 20 degrees") == [0, 3]
    tilted = slice_images(of("roll_degrees", -16.0, 3.0), fewest=1)
    assert members(tilted, "tilt of the head: more than 15 degrees") == [0]


def test_an_occluder_is_present_or_not() -> None:
    found = slice_images(of("occluder", "none", "hand", "mask"), fewest=1)
    assert members(found, "before the face: nothing") == [0]
    assert members(found, "before the face: something") == [1, 2]


def test_an_image_without_the_fact_is_in_no_slice_of_it() -> None:
    facts: list[Facts] = [*of("yaw_degrees", 0.0, 40.0), {"landmarks": "bad"}]
    found = slice_images(facts, fewest=1)
    assert sum(each.members for each in found.kept if "turn" in each.group).tolist() == [1, 1, 0]


def test_omitted_slices_have_a_reason() -> None:
    found = slice_images(of("yaw_degrees", *[0.0] * 20, *[30.0] * 3), fewest=10)
    assert [each.name for each in found.kept] == ["turn of the head: at most 20 degrees"]
    assert "turn of the head: more than 20 degrees: 3 images, fewer than 10" in found.left_out
    assert "skin tone: not known for any image" in found.left_out
    alike = slice_images(of("face_share", *[0.5] * 12), fewest=10)
    assert not alike.kept
    assert "face size: smallest third: every image" in alike.left_out


# Two classes, background and face. Images 0 and 1 are right on 3 of 4 face pixels, image 2 on none.
GOOD = [[4, 0], [1, 3]]
BAD = [[4, 0], [4, 0]]
COUNTS = np.array([GOOD, GOOD, BAD])


def test_a_slice_is_scored_on_its_summed_pixels() -> None:
    found = [Slice("size", "small", np.array([False, True, True]))]
    everything, small = score_slices(COUNTS, found)
    # Face pixels hit over union: 3 + 3 + 0 of 12; 3 + 0 of 8.
    assert everything == SliceScore(name=ALL, images=3, iou=pytest.approx(6 / 12), classes=1)
    assert small == SliceScore(name="size: small", images=2, iou=pytest.approx(3 / 8), classes=1)


def test_seeds_are_averaged_after_scoring() -> None:
    seeds = np.stack([COUNTS, np.array([GOOD, GOOD, GOOD])])
    (everything,) = score_slices(seeds, [])
    assert everything.iou == pytest.approx((6 / 12 + 9 / 12) / 2)


def test_the_score_of_all_images_is_that_of_the_split() -> None:
    counts = np.random.default_rng(2).integers(0, 50, (6, 11, 11))
    (everything,) = score_slices(counts, [])
    assert everything.iou == pytest.approx(class_iou(counts.sum(axis=0))[1:].mean())


def test_the_worst_slice_is_found_and_is_never_all_images() -> None:
    planted = np.array([True, False, False, True])
    found = [Slice("size", "large", ~planted), Slice("light", "dark", planted)]
    counts = np.array([BAD, GOOD, GOOD, BAD])
    one = worst_slice(score_slices(counts, found))
    assert one is not None
    assert one.name == "light: dark"
    assert worst_slice(score_slices(counts, [])) is None


@pytest.mark.parametrize("length", [2, 4])
def test_slices_of_other_images_are_rejected(length: int) -> None:
    found: Any = [Slice("size", "small", np.ones(length, bool))]
    with pytest.raises(ValueError, match=r"counts of 3 images.*size: small"):
        score_slices(COUNTS, found)
