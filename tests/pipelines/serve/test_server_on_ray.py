"""`faceseg serve` on a real Ray Serve, on loopback: one server for all tests of this module.

Red is class 1 for the first version, class 6 for the second.
"""

import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest

from pipelines.config import secrets
from pipelines.serve import server
from pipelines.serve.settings import ServeSettings
from tests.infra.processes import free_port
from tests.pipelines.serve.model_versions import NAME, ModelVersions
from tests.pipelines.serve.sample_photographs import (
    bad_bodies,
    decoded,
    encoded,
    network,
    red_and_blue,
)

PHOTO = encoded(red_and_blue())
PATIENCE = 90.0  # seconds that a loaded machine may need
TOKEN = "a-token-for-this-test"  # noqa: S105  # of this test alone


class Served(NamedTuple):
    """A running server: its address, its store, the driver's handle."""

    client: httpx.Client
    store: ModelVersions
    handle: Any


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    store, port = ModelVersions(folder), free_port()
    store.champion(store.version(network(folder / "1.keras", red=1)))
    settings = ServeSettings(
        model=f"models:/{NAME}@champion", tracking=store.uri, look_every=0.5, token_required=False
    )
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own threads and sockets
        patch.setenv(secrets.TOKEN_VARIABLE, TOKEN)
        server.start_replicas(settings, "127.0.0.1", port)
        handle = server.wait_until_ready(threading.Event())
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, headers=headers, trust_env=False
        ) as client:
            yield Served(client, store, handle)
        server.stop_replicas()


def ask(served: Served) -> httpx.Response:
    return served.client.post("/v1/predict", content=PHOTO)


pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_photograph_is_labelled(served: Served):
    answer = ask(served)
    assert answer.status_code == 200
    labels = decoded(answer.content)
    assert labels.shape == (48, 80)
    assert (labels[:, :38] == 1).all()
    assert (labels[:, 42:] == 3).all()


@pytest.mark.parametrize("name", list(bad_bodies()))
def test_bad_bodies_are_refused_and_the_server_is_well(served: Served, name: str):
    content, status = bad_bodies()[name]
    answer = served.client.post("/v1/predict", content=content)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert ask(served).status_code == 200


def test_a_long_body_of_unknown_length_is_refused(served: Served):
    endless = (bytes(65536) for _ in range(800))
    assert served.client.post("/v1/predict", content=endless).status_code == 413
    assert ask(served).status_code == 200


def test_without_the_token_only_the_health_is_told(served: Served):
    def status(path: str) -> int:
        return httpx.get(str(served.client.base_url.join(path)), trust_env=False).status_code

    assert [status(path) for path in ("/healthz", "/readyz", "/v1/model", "/metrics")] == [
        *(200, 200),
        *(401, 401),
    ]


def test_metrics_are_gathered_from_the_replicas(served: Served):
    ask(served)
    told = served.client.get("/metrics").text
    assert 'faceseg_requests_total{path="/v1/predict"' in told
    assert "faceseg_model{" in told


def test_a_new_champion_is_rolled_in_without_a_lost_request(served: Served):
    answers: list[tuple[int, str, int]] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            answer = ask(served)
            label = int(decoded(answer.content)[24, 8]) if answer.status_code == 200 else -1
            answers.append((answer.status_code, answer.headers.get("faceseg-model", ""), label))

    def seen(address: str) -> bool:
        return any(model == address for _, model, _ in answers)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: seen(f"models:/{NAME}/1"))
        second = served.store.version(network(served.store.folder / "2.keras", red=6))
        served.store.champion(second)
        wait_until(lambda: seen(f"models:/{NAME}/{second}"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    counted = Counter(answers)
    assert set(counted) == {
        (200, f"models:/{NAME}/1", 1),
        (200, f"models:/{NAME}/{second}", 6),
    }
    assert served.client.get("/v1/model").json()["version"] == second


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one(served: Served):
    before = served.client.get("/v1/model").json()["version"]
    folder = served.store.folder / "damaged"
    folder.mkdir()
    (folder / "best.keras").write_text("no network", encoding="utf-8")
    bad = served.store.client.create_model_version(NAME, folder.as_uri()).version
    served.store.champion(str(bad))

    def trouble() -> str:
        return str(served.client.get("/v1/model").json()["trouble"])

    wait_until(lambda: "cannot be loaded" in trouble())
    assert ask(served).status_code == 200
    assert served.client.get("/v1/model").json()["version"] == before
    served.store.champion(before)
    wait_until(lambda: trouble() == "")


def test_requests_under_way_are_answered_when_the_server_stops(served: Served):
    """The last test of the module: it stops the server."""
    answers: list[int] = []
    large = encoded(np.zeros((3000, 3000, 3), np.uint8), "JPEG")
    under_way = threading.Event()

    def client() -> None:
        under_way.set()
        answers.append(served.client.post("/v1/predict", content=large).status_code)

    thread = threading.Thread(target=client)
    thread.start()
    under_way.wait()
    wait_until(lambda: waiting(served) > 0 or bool(answers))
    server.stop_replicas()
    thread.join(PATIENCE)
    assert answers == [200]


def waiting(served: Served) -> int:
    lines = served.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("faceseg_requests_waiting{")]
    return int(sum(float(line.split()[-1]) for line in found))


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
