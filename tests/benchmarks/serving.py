"""`faceseg serve` under load with a change of champion, compared with the model alone.

    python -m tests.benchmarks.serving PHOTOGRAPHS [--clients 32] [--seconds 60] [--network FILE]
        [--replicas 1]

PHOTOGRAPHS: a folder of JPEG and PNG files, which are sent at their own and at half, twice and
three times their size. Before and after the load, bodies are sent that must be rejected, and their
times are measured. A temporary MLflow store has two versions of one network; the alias moves to the
second at half time. The model alone labels the same files in one process with as many threads, one
by one and in batches: decoding, network, own-size labels and PNG, without HTTP. The table also has
the CPU time of all processes of the server, which other processes on the machine do not change.
"""

import argparse
import io
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import psutil
from PIL import Image

from tests.pipelines.serve.model_versions import NAME, ModelVersions
from tests.pipelines.serve.sample_photographs import bad_bodies

SCALES = (0.5, 1.0, 2.0, 3.0)
MOST_FILES = 40
BARE_SECONDS = 10.0
START = 600.0
SERVE = [sys.executable, "-m", "pipelines", "serve"]


@dataclass(frozen=True)
class Response:
    """The times (seconds) of a request and its response, the status, and the model."""

    sent: float
    done: float
    status: str
    model: str


def photographs(folder: Path) -> list[bytes]:
    """Return JPEG files of mixed sizes, made from the files of a folder."""
    found = sorted(path for kind in ("jpg", "jpeg", "png") for path in folder.rglob(f"*.{kind}"))
    chosen = random.Random(0).sample(found, min(MOST_FILES, len(found)))  # noqa: S311
    return [_scaled(path, SCALES[at % len(SCALES)]) for at, path in enumerate(chosen)]


def _scaled(path: Path, scale: float) -> bytes:
    with Image.open(path) as image:
        size = (round(image.width * scale), round(image.height * scale))
        buffer = io.BytesIO()
        image.convert("RGB").resize(size).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def load(at: str, files: list[bytes], clients: int, seconds: float) -> list[Response]:
    """Let clients send requests, each one after the other; return all responses."""
    responses: list[Response] = []
    end = time.monotonic() + seconds

    def send_requests(number: int) -> None:
        chooser = random.Random(number)  # noqa: S311
        with httpx.Client(timeout=60, trust_env=False) as client:
            while (sent := time.monotonic()) < end:
                try:
                    got = client.post(f"{at}/v1/predict", content=chooser.choice(files))
                    status, model = str(got.status_code), got.headers.get("faceseg-model", "")
                except httpx.HTTPError as error:
                    status, model = type(error).__name__, ""
                responses.append(Response(sent, time.monotonic(), status, model))

    threads = [threading.Thread(target=send_requests, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return responses


def refusals(at: str) -> dict[str, tuple[int, float]]:
    """Send bodies that must be rejected; return the status and seconds of each.

    SystemExit if a status differs from the expected one.
    """
    found = {}
    with httpx.Client(timeout=60, trust_env=False) as client:
        for name, (body, expected) in bad_bodies().items():
            started = time.monotonic()
            status = client.post(f"{at}/v1/predict", content=body).status_code
            found[name] = status, time.monotonic() - started
            if status != expected:
                raise SystemExit(f"{name}: {status}, not {expected}")
    return found


def replicas_of(at: str) -> set[str]:
    """Return the replicas that have handled requests, by the server's metrics."""
    metrics = httpx.get(f"{at}/metrics", trust_env=False).text
    return set(re.findall(r'faceseg_requests_total\{.*replica="([^"]+)"', metrics))


@dataclass(frozen=True)
class Speed:
    """Photographs a second, and the CPU time of each."""

    per_second: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.per_second:.1f} photographs/s, {self.cpu_ms:.0f} ms of CPU each"


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all that it started."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def bare(network: Path, files: list[bytes], batch: int, threads: int) -> Speed:
    """Measure the network itself, in this process."""
    from faceseg.backends.device import configure_device
    from faceseg.inference.label_maps import label_maps
    from faceseg.inference.predictor import load as load_network
    from pipelines.predict.results import palette_png
    from pipelines.serve.requests import read_photograph
    from pipelines.serve.served_model import warm_up

    configure_device(threads)
    predictor = warm_up(load_network(network))
    count, started, used = 0, time.monotonic(), time.process_time()
    while (passed := time.monotonic() - started) < BARE_SECONDS:
        part = [files[(count + at) % len(files)] for at in range(batch)]
        images = [read_photograph(content, 50_000_000) for content in part]
        maps = [predictor.predict(images[0])] if batch == 1 else label_maps(predictor, images)
        for labels in maps:
            palette_png(labels, predictor.classes)
        count += batch
    return Speed(count / passed, (time.process_time() - used) / count * 1000)


@contextmanager
def server(
    uri: str, port: int, cpus: int, replicas: int = 1
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `faceseg serve` as a user would."""
    command = [*SERVE, f"models:/{NAME}@champion", "--replicas", str(replicas)]
    command += ["--port", str(port), "--cpus", str(cpus), "--tracking", uri]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    at = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environment, stdout=sys.stderr) as process:
        try:
            _wait(at, process)
            yield at, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(300)


def _wait(at: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{at}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise RuntimeError("the server did not start")


def table(responses: list[Response], used: float, speeds: dict[str, Speed]) -> str:
    """Return the results as text."""
    good = [each for each in responses if each.status == "200"]
    waits = np.array([each.done - each.sent for each in good]) * 1000
    span = max(each.done for each in responses) - min(each.sent for each in responses)
    p50, p99 = np.percentile(waits, [50, 99])
    rows = [
        ("responses by status", ", ".join(f"{k}: {v}" for k, v in _counts(responses, "status"))),
        ("responses by model", ", ".join(f"{k}: {v}" for k, v in _counts(good, "model"))),
        ("failed requests", f"{len(responses) - len(good)}"),
        ("p50, p99", f"{p50:.0f} ms, {p99:.0f} ms"),
        ("served", str(Speed(len(good) / span, used / len(good) * 1000))),
        *((name, str(speed)) for name, speed in speeds.items()),
    ]
    return "\n".join(f"{name:24} {value}" for name, value in rows)


def _counts(responses: list[Response], what: str) -> list[tuple[str, int]]:
    return sorted(Counter(getattr(each, what) for each in responses).items())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--network", type=Path, help="A .keras file; a U-Net of 128 px by default.")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    files = photographs(given.photographs)
    with TemporaryDirectory(prefix="faceseg-load-") as folder:
        store = ModelVersions(Path(folder))
        network = given.network or store.unet()
        store.version(network)
        second = store.version(network)
        store.champion("1")
        with server(store.uri, given.port, given.cpus, given.replicas) as (at, process):
            load(at, files, 4, 3.0)
            refused = refusals(at)
            swap = threading.Timer(given.seconds / 2, store.champion, [second])
            swap.start()
            used = cpu_seconds(process.pid)
            responses = load(at, files, given.clients, given.seconds)
            used = cpu_seconds(process.pid) - used
            swap.join()
            after = refusals(at)
            replicas = len(replicas_of(at))
        speeds = {
            f"model alone, batch of {batch}": bare(network, files, batch, given.cpus)
            for batch in (1, 8)
        }
    print(f"{replicas} replicas\n{table(responses, used, speeds)}")
    for name, (status, seconds) in refused.items():
        print(f"{name:24} {status} in {seconds:.2f} s, after the load in {after[name][1]:.2f} s")


if __name__ == "__main__":
    main()
