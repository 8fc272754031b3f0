"""The HTTP interface without Ray: responses, refusals, limits, the token, a change of the model."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from faceseg.data.classes import LAPA
from faceseg.data.drawn import draw_face
from faceseg.detection.blazeface import BlazeFace
from faceseg.inference.faces import label_faces
from faceseg.inference.label_maps import label_maps
from faceseg.inference.predictor import load
from faceseg.networks.saving import load_network, save_network
from tests.faceseg.data.hostile_images import broken
from tests.pipelines.serve.clients import PHOTO, open_client
from tests.pipelines.serve.fake_source import FakeSource, service_for
from tests.pipelines.serve.sample_photographs import (
    bad_bodies,
    decoded,
    encoded,
    red_and_blue,
)


@pytest.fixture
def client(registry: FakeSource) -> Iterator[TestClient]:
    with open_client(service_for(registry)) as client:
        yield client


def test_a_photograph_gives_a_mask_of_its_own_size(client: TestClient):
    response = client.post("/v1/predict", content=PHOTO)
    assert response.status_code == 200
    assert response.headers["faceseg-model"] == "models:/served/1"
    labels = decoded(response.content)
    assert labels.shape == (48, 80)
    assert (labels[:, :38] == 1).all()
    assert (labels[:, 42:] == 3).all()


@pytest.mark.parametrize(("flip", "clean"), [(False, False), (True, False), (True, True)])
def test_the_labels_are_those_of_predict(client: TestClient, folder: Path, flip: bool, clean: bool):
    image = np.random.default_rng(0).integers(0, 256, (71, 53, 3), dtype=np.uint8)
    (expected,) = label_maps(load(folder / "1.keras"), [image], flip=flip, clean=clean)
    options = {"flip": flip, "clean": clean}
    response = client.post("/v1/predict", content=encoded(image), params=options)
    np.testing.assert_array_equal(decoded(response.content), expected)


def test_the_accept_header_selects_json(client: TestClient):
    headers = {"Accept": "application/json"}
    content = client.post("/v1/predict", content=PHOTO, headers=headers).json()
    assert content["model"] == "models:/served/1"
    assert content["size"] == [48, 80]
    assert content["shares"]["skin"] == pytest.approx(0.5, abs=0.03)
    assert decoded(base64.b64decode(content["mask"])).shape == (48, 80)


def test_an_exif_rotation_is_applied(client: TestClient):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: left becomes top
    response = client.post("/v1/predict", content=encoded(red_and_blue(), "JPEG", exif=exif))
    labels = decoded(response.content)
    assert labels.shape == (80, 48)
    assert (labels[:36] == 1).all()


@pytest.mark.parametrize("name", list(bad_bodies()))
def test_a_bad_body_is_refused_with_a_reason(client: TestClient, name: str):
    content, status = bad_bodies()[name]
    response = client.post("/v1/predict", content=content)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["detail"]
    assert client.post("/v1/predict", content=PHOTO).status_code == 200


def test_a_file_that_breaks_a_decoder_is_refused(client: TestClient):
    for name, content in broken().items():
        response = client.post("/v1/predict", content=content)
        assert response.status_code in {400, 415}, name
        assert response.json()["detail"].startswith("the photograph: ")


def test_other_formats_are_labelled(client: TestClient):
    for kind in ("WEBP", "BMP", "TIFF", "GIF"):
        response = client.post("/v1/predict", content=encoded(red_and_blue(), kind))
        assert decoded(response.content)[24, [4, 76]].tolist() == [1, 3], kind


def test_a_format_that_is_not_read_is_named(client: TestClient):
    response = client.post("/v1/predict", content=b"\x00\x00\x00\x18ftypheic")
    assert response.status_code == 415
    assert "a HEIC image" in response.json()["detail"]


def test_a_body_of_unknown_length_is_read_up_to_the_limit(registry: FakeSource):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield bytes(1000)

    async def chunks():
        for chunk in endless():
            yield chunk

    from pipelines.serve.requests import HttpProblem, read_body

    with pytest.raises(HttpProblem, match="at most 5,000") as refused:
        asyncio.run(read_body({}, chunks(), 5000))
    assert refused.value.status == 413
    assert sent == 6


def test_the_settings_limit_bytes_and_pixels(registry: FakeSource):
    with open_client(service_for(registry, max_bytes=len(PHOTO), max_pixels=48 * 80)) as client:
        assert client.post("/v1/predict", content=PHOTO).status_code == 200
        wider = encoded(np.zeros((48, 81, 3), np.uint8))
        assert "48 x 81" not in client.post("/v1/predict", content=wider).text
        assert client.post("/v1/predict", content=wider).status_code == 413
        assert client.post("/v1/predict", content=PHOTO + b"x").status_code == 413


def test_invalid_options_and_unknown_paths_give_problem_details(client: TestClient):
    for response, status in (
        (client.post("/v1/predict?flip=perhaps", content=PHOTO), 422),
        (client.get("/v1/predict"), 405),
        (client.get("/docs"), 404),
    ):
        assert response.status_code == status
        assert response.json()["status"] == status


def test_all_paths_but_the_health_checks_require_the_token(registry: FakeSource):
    token = "correct-horse-battery"  # noqa: S105  # used in this test only
    with open_client(service_for(registry), token) as client:
        for given in (None, "Bearer wrong", "Bearer ", token, f"Basic {token}", "Bearer é"):
            headers = {} if given is None else {"Authorization": given.encode()}
            for path in ("/v1/model", "/metrics", "/openapi.json", "/nothing"):
                assert client.get(path, headers=headers).status_code == 401, (given, path)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        headers = {"Authorization": f"bearer {token}"}
        response = client.post("/v1/predict", content=PHOTO, headers=headers)
        assert response.status_code == 200


def test_the_model_path_describes_the_labels(client: TestClient):
    facts = client.get("/v1/model").json()
    assert facts["version"] == "1"
    assert facts["grid"] == [32, 32]
    assert facts["classes"] == list(LAPA.names)
    assert facts["palette"][1] == [0, 153, 255]
    assert "/v1/predict" in client.get("/openapi.json").json()["paths"]


def test_on_loopback_other_web_pages_are_refused_unless_a_token_protects(registry: FakeSource):
    running = service_for(registry, check_host=True)
    foreign = {"Host": "evil.example"}  # its name resolves to 127.0.0.1
    posted = {"Host": "127.0.0.1:8000", "Origin": "https://evil.example"}
    with open_client(running) as client:
        refused = client.get("/v1/model", headers=foreign)
        assert (refused.status_code, refused.json()["status"]) == (421, 421)
        assert client.post("/v1/predict", content=PHOTO, headers=posted).status_code == 403
        del posted["Origin"]
        assert client.post("/v1/predict", content=PHOTO, headers=posted).status_code == 200
    token = "0123456789abcdef"  # noqa: S105  # used in this test only
    with open_client(running, token) as client:
        foreign["Authorization"] = f"Bearer {token}"
        assert client.get("/v1/model", headers=foreign).status_code == 200


def test_metrics_count_by_status_and_name_the_model(client: TestClient):
    client.post("/v1/predict", content=PHOTO)
    client.post("/v1/predict", content=b"text")
    client.get("/strange")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'faceseg_requests_total{path="/v1/predict",replica="alone",status="200"} 1.0',
        'faceseg_requests_total{path="/v1/predict",replica="alone",status="415"} 1.0',
        'faceseg_requests_total{path="other",replica="alone",status="404"} 1.0',
        'faceseg_request_seconds_count{replica="alone"} 2.0',
        'faceseg_batch_images_count{replica="alone"} 1.0',
        'faceseg_model{address="models:/served/1",replica="alone",version="1"} 1.0',
    ):
        assert line in lines


def test_the_faces_of_a_photograph_are_labelled_as_by_the_library(client: TestClient, folder: Path):
    image = np.full((240, 320, 3), (0, 0, 255), np.uint8)
    image[40:, 100:300] = np.rot90(draw_face((1, "train", 1), 200, 0.5).image)
    predictor = load(folder / "1.keras")
    for query, options in (
        ("", {}),
        ("&flip=true", {"flip": True}),
        ("&clean=true", {"clean": True}),
    ):
        expected = label_faces(predictor, image, BlazeFace(), **options)
        response = client.post(f"/v1/predict?faces=true{query}", content=encoded(image))
        np.testing.assert_array_equal(decoded(response.content), expected.labels)
        assert response.headers["faceseg-faces"] == "1"
    response = client.post(
        "/v1/predict?faces=true", content=encoded(image), headers={"Accept": "application/json"}
    )
    (face,) = response.json()["faces"]
    assert face["roll"] == pytest.approx(-90, abs=10)
    assert "note" not in response.json()


def test_a_network_of_face_boxes_is_given_crops_without_being_asked(folder: Path, tmp_path: Path):
    image = np.full((240, 320, 3), (0, 0, 255), np.uint8)
    image[40:, 100:300] = draw_face((1, "train", 1), 200, 0.5).image
    network, classes, _ = load_network(folder / "1.keras")
    save_network(network, tmp_path / "1.keras", classes, {"face_box": {"margin": 0.2}})
    expected = load(tmp_path / "1.keras").predict(image)
    with open_client(service_for(FakeSource("models:/served/1", tmp_path))) as client:
        response = client.post("/v1/predict", content=encoded(image))
    np.testing.assert_array_equal(decoded(response.content), expected)
    assert response.headers["faceseg-faces"] == "1"


def test_a_photograph_without_a_face_is_labelled_as_a_whole(client: TestClient):
    response = client.post(
        "/v1/predict?faces=true", content=PHOTO, headers={"Accept": "application/json"}
    )
    whole = client.post("/v1/predict", content=PHOTO)
    assert base64.b64decode(response.json()["mask"]) == whole.content
    assert response.json()["faces"] == []
    assert "no face was found" in response.json()["note"]
    assert "faceseg-faces" not in whole.headers
