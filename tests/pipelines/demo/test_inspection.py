"""Inspections without a page: labels, occluders and the cache."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.detection.face import Face
from faceseg.errors import UserError
from faceseg.inference.predictor import Image, Predictor
from faceseg.robustness.occlusion import KINDS, Occlusion
from pipelines.demo import rendering
from pipelines.demo.inspection import Inspection, OccluderChoice, inspect_photograph, severity_range
from pipelines.demo.networks import MAX_CACHED_MAPS, DemoNetwork, LabelCache
from pipelines.demo.photograph import UploadedPhotograph, read_upload
from tests.faceseg.given_faces import GivenFaces

Inspect = Callable[..., Inspection]


class CountingPredictor(Predictor):
    """Counts its calls."""

    def __init__(self, other: Predictor) -> None:
        super().__init__(other.network, other.classes)
        self.calls = 0

    def predict(self, image: Image) -> np.ndarray:
        self.calls += 1
        return super().predict(image)


@pytest.fixture
def counting_networks(networks: list[DemoNetwork]) -> list[DemoNetwork]:
    return [
        replace(network, predictor=CountingPredictor(network.predictor)) for network in networks
    ]


@pytest.fixture
def picture(portrait: Path, decoders: DecoderProcesses) -> UploadedPhotograph:
    return read_upload(portrait, portrait.parent, decoders)


@pytest.fixture
def inspect(picture: UploadedPhotograph, counting_networks: list[DemoNetwork]) -> Inspect:
    cache = LabelCache()

    def run(occluder: OccluderChoice | None = None) -> Inspection:
        return inspect_photograph(
            picture,
            counting_networks,
            counting_networks[0],
            occluder,
            cache=cache,
            report=lambda *progress: None,
        )

    return run


def calls(networks: list[DemoNetwork]) -> list[int]:
    return [network.predictor.calls for network in networks]


def drawn(inspection: Inspection) -> Occlusion:
    assert inspection.occlusion is not None
    return inspection.occlusion


def test_labels_are_those_of_the_predictor(
    inspect: Inspect, picture: UploadedPhotograph, networks: list[DemoNetwork]
):
    for result, network in zip(inspect().results, networks, strict=True):
        expected = network.predictor.predict(picture.pixels)
        np.testing.assert_array_equal(result.before.labels, expected)
        assert result.before.shares["skin"] == pytest.approx((expected == 1).mean())
        assert result.after is None


def test_each_network_runs_once_per_image(inspect: Inspect, counting_networks: list[DemoNetwork]):
    inspect()
    inspect()
    assert calls(counting_networks) == [1, 1, 1]
    inspect(OccluderChoice("blob", 20))
    inspect(OccluderChoice("blob", 20))
    assert calls(counting_networks) == [2, 2, 2]


def test_the_cache_is_bounded(counting_networks: list[DemoNetwork]):
    cache, network = LabelCache(), counting_networks[0]
    images = [np.full((4, 4, 3), value, np.uint8) for value in range(MAX_CACHED_MAPS + 1)]
    for image in [*images, images[-1], images[0]]:
        cache.labels(network, image)
    assert (
        calls(counting_networks)[0] == MAX_CACHED_MAPS + 2
    )  # the last is cached, the first no longer


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_covers_the_face_that_the_first_network_labels(inspect: Inspect, kind: str):
    inspection = inspect(OccluderChoice(kind, severity_range(kind).default))
    occlusion = drawn(inspection)
    face = np.isin(inspection.results[0].before.labels, LAPA.face)
    assert occlusion.coverage == pytest.approx(occlusion.mask[face].mean())
    assert occlusion.mask.any()
    for result in inspection.results:
        assert result.after is not None
        assert result.after.image is occlusion.image  # one image for all networks


def test_a_severity_is_a_percentage_of_the_face(inspect: Inspect):
    assert drawn(inspect(OccluderChoice("blob", 35))).coverage == pytest.approx(0.35, abs=0.02)


def test_a_replica_is_another_occluder(inspect: Inspect):
    one, same, other = (
        drawn(inspect(OccluderChoice("blob", 20, number))).mask for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    "occluder",
    [OccluderChoice("blob", 90), OccluderChoice("eye_band", 20), OccluderChoice("beard", 1)],
)
def test_an_impossible_occluder_is_a_user_error(inspect: Inspect, occluder: OccluderChoice):
    with pytest.raises(UserError):
        inspect(occluder)


def test_a_photograph_without_a_face_gives_a_notice(counting_networks: list[DemoNetwork]):
    blue = np.zeros((32, 32, 3), np.uint8)
    blue[..., 2] = 255  # hair to the second network
    picture = UploadedPhotograph(blue, (32, 32))
    inspection = inspect_photograph(
        picture,
        counting_networks[:1],
        counting_networks[1],
        OccluderChoice("hand", 20),
        cache=LabelCache(),
        report=lambda *progress: None,
    )
    assert drawn(inspection).coverage == 0
    assert "second finds no face" in rendering.render(inspection, picture)


def test_a_downscaled_photograph_gives_a_notice(inspect: Inspect, picture: UploadedPhotograph):
    shown = rendering.render(inspect(), replace(picture, file_size=(4000, 3000)))
    assert re.search(r"of 3000 . 4000 pixels is displayed, labelled and downloaded at", shown)
    assert "labelled and downloaded at" not in rendering.render(inspect(), picture)


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "No face was found; the whole photograph is labelled."),
        (1, "1 face found; each is labelled as its own crop."),
    ],
)
def test_the_faces_are_looked_for_once_and_counted(
    picture: UploadedPhotograph, counting_networks: list[DemoNetwork], count: int, sentence: str
):
    face = Face(box=(8.0, 8.0, 4.0, 4.0), roll=0.0, score=0.9, keypoints=((10.0, 10.0),) * 4)
    detector = GivenFaces(*[face] * count)
    inspection = inspect_photograph(
        picture,
        counting_networks,
        counting_networks[0],
        None,
        cache=LabelCache(detector),
        report=lambda *progress: None,
    )
    assert inspection.faces == count
    assert detector.calls == 1
    assert sentence in rendering.render(inspection, picture)
    labels = inspection.results[0].before.labels
    corner_is_background = not labels[-5:, -5:].any()
    assert corner_is_background == (count > 0)


def test_an_occluder_that_hides_a_face_leaves_its_crop_where_it_was(
    picture: UploadedPhotograph, counting_networks: list[DemoNetwork]
):
    class FacesOfThePhotograph(GivenFaces):
        def detect(self, image: Image) -> list[Face]:
            return self.faces if np.array_equal(image, picture.pixels) else []

    side = min(picture.pixels.shape[:2]) / 4
    face = Face(box=(0.0, 0.0, side, side), roll=0.0, score=0.9, keypoints=((9.0, 9.0),) * 4)
    inspection = inspect_photograph(
        picture,
        counting_networks,
        counting_networks[0],
        OccluderChoice("hand", 0.25),
        cache=LabelCache(FacesOfThePhotograph(face)),
        report=lambda *progress: None,
    )
    for result in inspection.results:
        assert result.before.labels[:5, :5].any()
        for each in (result.before, result.after):  # the rest is background: it is in no crop
            assert each is not None
            assert not each.labels[-5:, -5:].any()


def test_titles_are_escaped_in_the_page(inspect: Inspect, picture: UploadedPhotograph):
    inspection = inspect()
    malicious = replace(inspection.results[0].network, title="<script>alert(1)</script>")
    results = (replace(inspection.results[0], network=malicious),)
    assert "<script>" not in rendering.render(replace(inspection, results=results), picture)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, "50.0 %"), (0.0, "0.0 %"), (0.0001, "< 0.1 %"), (float("nan"), "\N{EN DASH}")],
)
def test_shares_are_printed_as_percentages(share: float, expected: str):
    assert rendering.percent(share).replace("\N{NO-BREAK SPACE}", " ") == expected
