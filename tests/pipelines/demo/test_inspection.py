"""Inspections without a page: what is labelled, what is drawn, what is worked out once."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.inference.predictor import Image, Predictor
from faceseg.robustness.occlusion import KINDS, Occlusion
from pipelines.demo import rendering
from pipelines.demo.inspection import Inspection, OccluderChoice, inspect_photograph, severity_range
from pipelines.demo.networks import MAX_CACHED_MAPS, DemoNetwork, LabelCache
from pipelines.demo.photograph import UploadedPhotograph, read_upload

Look = Callable[..., Inspection]


class Counted(Predictor):
    """Counts how often it is asked."""

    def __init__(self, other: Predictor) -> None:
        super().__init__(other.network, other.classes)
        self.asked = 0

    def predict(self, image: Image) -> np.ndarray:
        self.asked += 1
        return super().predict(image)


@pytest.fixture
def counted(networks: list[DemoNetwork]) -> list[DemoNetwork]:
    return [replace(network, predictor=Counted(network.predictor)) for network in networks]


@pytest.fixture
def picture(portrait: Path) -> UploadedPhotograph:
    return read_upload(portrait, portrait.parent)


@pytest.fixture
def look(picture: UploadedPhotograph, counted: list[DemoNetwork]) -> Look:
    labeller = LabelCache()

    def run(cover: OccluderChoice | None = None) -> Inspection:
        return inspect_photograph(
            picture, counted, counted[0], cover, labeller=labeller, report=lambda *told: None
        )

    return run


def asked(networks: list[DemoNetwork]) -> list[int]:
    return [network.predictor.asked for network in networks]


def drawn(inspection: Inspection) -> Occlusion:
    assert inspection.occlusion is not None
    return inspection.occlusion


def test_labels_are_those_of_the_predictor(
    look: Look, picture: UploadedPhotograph, networks: list[DemoNetwork]
):
    for finding, network in zip(look().results, networks, strict=True):
        expected = network.predictor.predict(picture.pixels)
        np.testing.assert_array_equal(finding.before.labels, expected)
        assert finding.before.shares["skin"] == pytest.approx((expected == 1).mean())
        assert finding.after is None


def test_each_network_is_asked_once_a_picture(look: Look, counted: list[DemoNetwork]):
    look()
    look()
    assert asked(counted) == [1, 1, 1]
    look(OccluderChoice("blob", 20))
    look(OccluderChoice("blob", 20))
    assert asked(counted) == [2, 2, 2]


def test_what_is_remembered_is_bounded(counted: list[DemoNetwork]):
    labeller, network = LabelCache(), counted[0]
    images = [np.full((4, 4, 3), value, np.uint8) for value in range(MAX_CACHED_MAPS + 1)]
    for image in [*images, images[-1], images[0]]:
        labeller.labels(network, image)
    assert asked(counted)[0] == MAX_CACHED_MAPS + 2  # the last is remembered, the first no longer


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_covers_the_face_that_the_first_network_sees(look: Look, kind: str):
    inspection = look(OccluderChoice(kind, severity_range(kind).default))
    occlusion = drawn(inspection)
    face = np.isin(inspection.results[0].before.labels, LAPA.face)
    assert occlusion.coverage == pytest.approx(occlusion.mask[face].mean())
    assert occlusion.mask.any()
    for finding in inspection.results:
        assert finding.after is not None
        assert finding.after.image is occlusion.image  # one picture for all of them


def test_a_severity_is_a_percentage_of_the_face(look: Look):
    assert drawn(look(OccluderChoice("blob", 35))).coverage == pytest.approx(0.35, abs=0.02)


def test_a_replica_is_another_occluder(look: Look):
    one, same, other = (
        drawn(look(OccluderChoice("blob", 20, number))).mask for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    "cover",
    [OccluderChoice("blob", 90), OccluderChoice("eye_band", 20), OccluderChoice("beard", 1)],
)
def test_what_cannot_be_drawn_is_a_mistake_of_the_users(look: Look, cover: OccluderChoice):
    with pytest.raises(UserError):
        look(cover)


def test_a_photograph_without_a_face_says_so(counted: list[DemoNetwork]):
    blue = np.zeros((32, 32, 3), np.uint8)
    blue[..., 2] = 255  # hair to the second network
    picture = UploadedPhotograph(blue, (32, 32))
    inspection = inspect_photograph(
        picture,
        counted[:1],
        counted[1],
        OccluderChoice("hand", 20),
        labeller=LabelCache(),
        report=lambda *told: None,
    )
    assert drawn(inspection).coverage == 0
    assert "second finds no face" in rendering.render(inspection, picture)


def test_a_page_says_how_a_large_photograph_was_scaled(look: Look, picture: UploadedPhotograph):
    shown = rendering.render(look(), replace(picture, file_size=(4000, 3000)))
    assert re.search(r"of 3000 . 4000 pixels is shown, labelled and downloaded at", shown)
    assert "labelled and downloaded at" not in rendering.render(look(), picture)


def test_titles_cannot_write_into_the_page(look: Look, picture: UploadedPhotograph):
    inspection = look()
    sly = replace(inspection.results[0].network, title="<script>alert(1)</script>")
    findings = (replace(inspection.results[0], network=sly),)
    assert "<script>" not in rendering.render(replace(inspection, findings=findings), picture)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, "50.0 %"), (0.0, "0.0 %"), (0.0001, "< 0.1 %"), (float("nan"), "\N{EN DASH}")],
)
def test_shares_are_told_as_percentages(share: float, expected: str):
    assert rendering.percent(share).replace("\N{NO-BREAK SPACE}", " ") == expected
