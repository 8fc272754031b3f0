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
import psutil
import pytest

from pipelines.config import server_access
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
TIMEOUT = 90.0  # seconds, enough for a busy machine
TOKEN = "a-token-for-this-test"  # noqa: S105  # used in this test only


class Served(NamedTuple):
    """A running server: an HTTP client, its store and the driver's handle."""

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
        warnings.simplefilter("ignore")  # Ray leaves threads and sockets open
        patch.setenv(server_access.TOKEN_VARIABLE, TOKEN)
        server.start_replicas(settings, "127.0.0.1", port)
        handle = server.wait_until_ready(threading.Event())
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, headers=headers, trust_env=False
        ) as client:
            yield Served(client, store, handle)
        server.stop_replicas()


def post_photo(served: Served) -> httpx.Response:
    return served.client.post("/v1/predict", content=PHOTO)


pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_photograph_is_labelled(served: Served):
    response = post_photo(served)
    assert response.status_code == 200
    labels = decoded(response.content)
    assert labels.shape == (48, 80)
    assert (labels[:, :38] == 1).all()
    assert (labels[:, 42:] == 3).all()


@pytest.mark.parametrize("name", list(bad_bodies()))
def test_bad_bodies_are_refused_and_the_server_stays_up(served: Served, name: str):
    content, status = bad_bodies()[name]
    response = served.client.post("/v1/predict", content=content)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert post_photo(served).status_code == 200


def test_a_long_body_of_unknown_length_is_refused(served: Served):
    endless = (bytes(65536) for _ in range(800))
    assert served.client.post("/v1/predict", content=endless).status_code == 413
    assert post_photo(served).status_code == 200


def test_only_the_health_checks_need_no_token(served: Served):
    def status(path: str) -> int:
        return httpx.get(str(served.client.base_url.join(path)), trust_env=False).status_code

    assert [status(path) for path in ("/healthz", "/readyz", "/v1/model", "/metrics")] == [
        *(200, 200),
        *(401, 401),
    ]


def test_all_of_ray_listens_on_this_machine_only(served: Served):
    """Ray's own processes can execute code; the server's port is the only one that may be open."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        (each.name(), *connection.laddr)
        for each in processes
        for connection in each.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert len(listening) > 8  # GCS, raylet, agents, monitors, workers, the proxy
    assert {address for _, address, _ in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_metrics_are_gathered_from_the_replicas(served: Served):
    post_photo(served)
    text = served.client.get("/metrics").text
    assert 'faceseg_requests_total{path="/v1/predict"' in text
    assert "faceseg_model{" in text


def test_a_new_champion_is_rolled_out_without_a_lost_request(served: Served):
    responses: list[tuple[int, str, int]] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            response = post_photo(served)
            label = int(decoded(response.content)[24, 8]) if response.status_code == 200 else -1
            responses.append(
                (response.status_code, response.headers.get("faceseg-model", ""), label)
            )

    def was_served(address: str) -> bool:
        return any(model == address for _, model, _ in responses)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: was_served(f"models:/{NAME}/1"))
        second = served.store.version(network(served.store.folder / "2.keras", red=6))
        served.store.champion(second)
        wait_until(lambda: was_served(f"models:/{NAME}/{second}"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    counted = Counter(responses)
    assert set(counted) == {
        (200, f"models:/{NAME}/1", 1),
        (200, f"models:/{NAME}/{second}", 6),
    }
    assert served.client.get("/v1/model").json()["version"] == second


def test_the_old_champion_stays_if_the_new_one_cannot_be_loaded(served: Served):
    before = served.client.get("/v1/model").json()["version"]
    folder = served.store.folder / "damaged"
    folder.mkdir()
    (folder / "best.keras").write_text("no network", encoding="utf-8")
    bad = served.store.client.create_model_version(NAME, folder.as_uri()).version
    served.store.champion(str(bad))

    def trouble() -> str:
        return str(served.client.get("/v1/model").json()["trouble"])

    wait_until(lambda: "cannot be loaded" in trouble())
    assert post_photo(served).status_code == 200
    assert served.client.get("/v1/model").json()["version"] == before
    served.store.champion(before)
    wait_until(lambda: trouble() == "")


def test_running_requests_are_finished_when_the_server_stops(served: Served):
    """The last test of the module: it stops the server."""
    responses: list[int] = []
    large = encoded(np.zeros((3000, 3000, 3), np.uint8), "JPEG")
    started = threading.Event()

    def client() -> None:
        started.set()
        responses.append(served.client.post("/v1/predict", content=large).status_code)

    thread = threading.Thread(target=client)
    thread.start()
    started.wait()
    wait_until(lambda: waiting(served) > 0 or bool(responses))
    server.stop_replicas()
    thread.join(TIMEOUT)
    assert responses == [200]


def waiting(served: Served) -> int:
    lines = served.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("faceseg_requests_waiting{")]
    return int(sum(float(line.split()[-1]) for line in found))


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
