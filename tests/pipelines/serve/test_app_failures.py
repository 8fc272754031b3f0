"""The HTTP interface when decoders are busy, requests wait, or the network fails."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faceseg.data.decoder_processes import DecoderProcesses
from pipelines.serve import service
from pipelines.serve.service import LabellingService
from pipelines.serve.settings import ServeSettings
from tests.faceseg.data.hostile_images import jpeg_of_many_scans
from tests.pipelines.serve.clients import PHOTO, open_client
from tests.pipelines.serve.fake_source import FakeSource, service_for


def test_laborious_files_are_given_up_and_others_labelled(registry: FakeSource, folder: Path):
    slow = jpeg_of_many_scans(100, (3000, 3000))
    with DecoderProcesses(1, seconds=0.1) as one:
        running = LabellingService(ServeSettings(model="models:/served/1"), registry, one)
        with open_client(running) as client:
            response = client.post("/v1/predict", content=slow)
            assert response.status_code == 400
            assert "more than 0.1 s of processor time" in response.json()["detail"]
            assert client.post("/v1/predict", content=PHOTO).status_code == 200
            too_many = client.post("/v1/predict", content=jpeg_of_many_scans(101))
            assert "101 scans" in too_many.json()["detail"]


def test_a_replica_without_a_free_decoder_for_long_is_not_ready(
    registry: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "MAX_SECONDS_WITHOUT_DECODER", 0.0)
    os.mkfifo(tmp_path / "pipe")
    with DecoderProcesses(1) as one, ThreadPoolExecutor(1) as thread:
        running = LabellingService(ServeSettings(model="models:/served/1"), registry, one)
        with open_client(running) as client:
            assert client.get("/readyz").status_code == 200
            busy = thread.submit(one.run, "a", Path.read_bytes, tmp_path / "pipe")
            while not one.seconds_all_busy():
                pass
            response = client.get("/readyz")
            assert response.status_code == 503
            assert "all decoders have been busy" in response.json()["detail"]
            assert client.get("/healthz").status_code == 200
            (tmp_path / "pipe").write_bytes(b"written")
            busy.result()
            assert client.get("/readyz").status_code == 200


@pytest.fixture
def blocked_service(
    registry: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LabellingService]:
    """Yield a service whose network does not return."""
    monkeypatch.setattr(service, "MAX_WAITING_REQUESTS", 2)
    running, released = service_for(registry, timeout=1.0), threading.Event()
    monkeypatch.setattr(
        running.served_model.current.predictor, "logits", lambda _: released.wait(60)
    )
    yield running
    released.set()


def test_a_slow_request_times_out(blocked_service: LabellingService):
    with open_client(blocked_service) as client:
        response = client.post("/v1/predict", content=PHOTO)
        assert response.status_code == 504
        assert "1 s" in response.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_a_request_without_a_place_is_refused_with_retry_after(blocked_service: LabellingService):
    with (
        open_client(blocked_service) as client,
        blocked_service.admit_request(),
        blocked_service.admit_request(),
    ):
        response = client.post("/v1/predict", content=PHOTO)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
    assert blocked_service.waiting_requests == 0


def test_a_failing_network_gives_500_and_then_an_unhealthy_replica(
    registry: FakeSource, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: object) -> None:
        raise RuntimeError("the GPU was lost")

    running = service_for(registry)
    monkeypatch.setattr(running.served_model.current.predictor, "logits", broken)
    with open_client(running) as client:
        for _ in range(3):
            running.check_health()
            response = client.post("/v1/predict", content=PHOTO)
            assert response.status_code == 500
            assert "GPU" not in response.text
    with pytest.raises(RuntimeError, match="3 batches"):
        running.check_health()
