"""The HTTP interface without Ray: answers, refusals, limits, the token, a model exchanged."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from faceseg.data.classes import LAPA
from faceseg.inference.label_maps import label_maps
from faceseg.inference.predictor import load
from pipelines.serve import app, served_model, service
from pipelines.serve.served_model import LoadedModel, ModelSource
from pipelines.serve.service import LabellingService
from pipelines.serve.settings import ServeSettings
from tests.pipelines.serve.sample_photographs import (
    bad_bodies,
    decoded,
    encoded,
    network,
    red_and_blue,
)

PHOTO = encoded(red_and_blue())


class Registry:
    """Stands in for MLflow: an alias that can be moved, or be away."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.away = False
        self.loads = 0

    moves = True

    def now(self) -> str:
        if self.away:
            raise ConnectionError("no route to MLflow")
        return self.address

    def load(self, address: str) -> LoadedModel:
        self.loads += 1
        number = address.rpartition("/")[2]
        return LoadedModel(address, load(self.folder / f"{number}.keras"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1, for which red is class 1; version 2, for which it is class 6; 3 is damaged."""
    folder = tmp_path_factory.mktemp("networks")
    network(folder / "1.keras", red=1)
    network(folder / "2.keras", red=6)
    (folder / "3.keras").write_text("no network", encoding="utf-8")
    return folder


@pytest.fixture
def registry(folder: Path) -> Registry:
    return Registry("models:/served/1", folder)


def serving(registry: Registry, **settings: object) -> LabellingService:
    return LabellingService(
        ServeSettings(model="models:/served@champion", **settings), registry, "alone"
    )


def client_of(running: LabellingService, token: str | None = None) -> TestClient:
    async def gather() -> dict[str, list]:
        return {"alone": running.metrics.samples()}

    return TestClient(app.create_app(running, token, gather))


@pytest.fixture
def client(registry: Registry) -> Iterator[TestClient]:
    with client_of(serving(registry)) as client:
        yield client


def test_a_photograph_gives_a_mask_of_its_own_size(client: TestClient):
    answer = client.post("/v1/predict", content=PHOTO)
    assert answer.status_code == 200
    assert answer.headers["faceseg-model"] == "models:/served/1"
    labels = decoded(answer.content)
    assert labels.shape == (48, 80)
    assert (labels[:, :38] == 1).all()
    assert (labels[:, 42:] == 3).all()


@pytest.mark.parametrize(("flip", "clean"), [(False, False), (True, False), (True, True)])
def test_the_labels_are_those_of_predict(client: TestClient, folder: Path, flip: bool, clean: bool):
    image = np.random.default_rng(0).integers(0, 256, (71, 53, 3), dtype=np.uint8)
    (expected,) = label_maps(load(folder / "1.keras"), [image], flip=flip, clean=clean)
    options = {"flip": flip, "clean": clean}
    answer = client.post("/v1/predict", content=encoded(image), params=options)
    np.testing.assert_array_equal(decoded(answer.content), expected)


def test_json_where_it_is_asked_for(client: TestClient):
    headers = {"Accept": "application/json"}
    told = client.post("/v1/predict", content=PHOTO, headers=headers).json()
    assert told["model"] == "models:/served/1"
    assert told["size"] == [48, 80]
    assert told["shares"]["skin"] == pytest.approx(0.5, abs=0.03)
    assert decoded(base64.b64decode(told["mask"])).shape == (48, 80)


def test_an_exif_rotation_is_honoured(client: TestClient):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: left becomes top
    answer = client.post("/v1/predict", content=encoded(red_and_blue(), "JPEG", exif=exif))
    labels = decoded(answer.content)
    assert labels.shape == (80, 48)
    assert (labels[:36] == 1).all()


@pytest.mark.parametrize("name", list(bad_bodies()))
def test_what_cannot_be_labelled_is_refused_with_a_reason(client: TestClient, name: str):
    content, status = bad_bodies()[name]
    answer = client.post("/v1/predict", content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    assert client.post("/v1/predict", content=PHOTO).status_code == 200


def test_a_body_of_unknown_length_is_read_to_the_limit_and_no_further(registry: Registry):
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


def test_limits_are_the_settings(registry: Registry):
    with client_of(serving(registry, max_bytes=len(PHOTO), max_pixels=48 * 80)) as client:
        assert client.post("/v1/predict", content=PHOTO).status_code == 200
        wider = encoded(np.zeros((48, 81, 3), np.uint8))
        assert "48 x 81" not in client.post("/v1/predict", content=wider).text
        assert client.post("/v1/predict", content=wider).status_code == 413
        assert client.post("/v1/predict", content=PHOTO + b"x").status_code == 413


def test_a_misspelt_option_and_an_unknown_path_are_told_in_the_one_form(client: TestClient):
    for answer, status in (
        (client.post("/v1/predict?flip=perhaps", content=PHOTO), 422),
        (client.get("/v1/predict"), 405),
        (client.get("/docs"), 404),
    ):
        assert answer.status_code == status
        assert answer.json()["status"] == status


def test_a_token_is_asked_for_everywhere_but_at_the_health_checks(registry: Registry):
    token = "correct-horse-battery"  # noqa: S105  # of this test alone
    with client_of(serving(registry), token) as client:
        for given in (None, "Bearer wrong", "Bearer ", token, f"Basic {token}", "Bearer é"):
            headers = {} if given is None else {"Authorization": given.encode()}
            for path in ("/v1/model", "/metrics", "/openapi.json", "/nothing"):
                assert client.get(path, headers=headers).status_code == 401, (given, path)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        headers = {"Authorization": f"bearer {token}"}
        answer = client.post("/v1/predict", content=PHOTO, headers=headers)
        assert answer.status_code == 200


def test_what_the_labels_mean_is_told(client: TestClient):
    told = client.get("/v1/model").json()
    assert told["version"] == "1"
    assert told["grid"] == [32, 32]
    assert told["classes"] == list(LAPA.names)
    assert told["palette"][1] == [0, 153, 255]
    assert "/v1/predict" in client.get("/openapi.json").json()["paths"]


def test_metrics_count_by_status_and_name_the_model(client: TestClient):
    client.post("/v1/predict", content=PHOTO)
    client.post("/v1/predict", content=b"text")
    client.get("/strange")
    told = client.get("/metrics").text.splitlines()
    for line in (
        'faceseg_requests_total{path="/v1/predict",replica="alone",status="200"} 1.0',
        'faceseg_requests_total{path="/v1/predict",replica="alone",status="415"} 1.0',
        'faceseg_requests_total{path="other",replica="alone",status="404"} 1.0',
        'faceseg_request_seconds_count{replica="alone"} 2.0',
        'faceseg_batch_images_count{replica="alone"} 1.0',
        'faceseg_model{address="models:/served/1",replica="alone",version="1"} 1.0',
    ):
        assert line in told


@pytest.fixture
def stuck(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabellingService]:
    """A service whose network does not answer."""
    monkeypatch.setattr(service, "MAX_WAITING_REQUESTS", 2)
    running, go = serving(registry, timeout=1.0), threading.Event()
    monkeypatch.setattr(running.served_model.current.predictor, "logits", lambda _: go.wait(60))
    yield running
    go.set()


def test_what_takes_too_long_is_given_up(stuck: LabellingService):
    with client_of(stuck) as client:
        answer = client.post("/v1/predict", content=PHOTO)
        assert answer.status_code == 504
        assert "1 s" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_who_finds_no_place_is_told_to_come_again(stuck: LabellingService):
    with client_of(stuck) as client, stuck.admit_request(), stuck.admit_request():
        answer = client.post("/v1/predict", content=PHOTO)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
    assert stuck.waiting_requests == 0


def test_a_network_that_fails_is_our_failure_and_then_the_replica_is_ill(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: object) -> None:
        raise RuntimeError("the card fell off the bus")

    running = serving(registry)
    monkeypatch.setattr(running.served_model.current.predictor, "logits", broken)
    with client_of(running) as client:
        for _ in range(3):
            running.check_health()
            answer = client.post("/v1/predict", content=PHOTO)
            assert answer.status_code == 500
            assert "card" not in answer.text
    with pytest.raises(RuntimeError, match="3 batches"):
        running.check_health()


def test_another_version_takes_over_and_requests_prepared_before_keep_theirs(registry: Registry):
    running = serving(registry)
    before = running._prepare(running.served_model.current, PHOTO, False)
    registry.address = "models:/served/2"
    running.served_model.refresh()
    after = running._prepare(running.served_model.current, PHOTO, False)
    mixed = running._through_network([before, after, before])
    assert [int(each[16, 4].argmax()) for each in mixed] == [1, 6, 1]
    assert running.served_model.current.version == "2"
    looked = registry.loads
    running.served_model.refresh()
    assert registry.loads == looked


def test_a_version_that_cannot_be_loaded_leaves_the_old_one(registry: Registry):
    clock = [0.0]
    found: list[str] = []
    follower = served_model.ServedModel(
        registry, lambda each: found.append(each.version), lambda: clock[0]
    )
    registry.address = "models:/served/3"
    follower.refresh()
    assert "models:/served/3 cannot be loaded" in follower.trouble
    follower.refresh()
    assert registry.loads == 2  # not every few seconds
    clock[0] = served_model.RETRY_AFTER + 1
    follower.refresh()
    assert registry.loads == 3
    assert follower.current.version == "1"
    registry.address = "models:/served/2"
    follower.refresh()
    assert (follower.current.version, follower.trouble) == ("2", "")
    assert found == ["1", "2"]


def test_a_registry_that_is_away_changes_nothing(registry: Registry):
    follower = served_model.ServedModel(registry, lambda _: None)
    registry.away = True
    follower.refresh()
    assert "no route to MLflow" in follower.trouble
    assert follower.current.version == "1"
    registry.away = False
    follower.refresh()
    assert follower.trouble == ""


def test_a_fixed_address_is_no_alias():
    assert ModelSource("models:/faceseg@champion", "sqlite:///x.db").is_alias
    assert not ModelSource("models:/faceseg/3", "sqlite:///x.db").is_alias
    assert not ModelSource("best.keras", "").is_alias
