"""Open and run an untrusted file in a child process, with bounded time and memory.

A file of a few bytes can use all memory, run without end, or crash its runtime. The parent opens a
file only after a child has run it. `python -m pipelines.judge.trial_process` reads a request as
JSON from standard input, and prints the result as JSON.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from faceseg.errors import UserError, first_line
from pipelines.cluster.child_processes import module_command

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceseg.data.classes import ClassSet
    from pipelines.foreign.foreign_network import ForeignNetwork
    from pipelines.foreign.settings import NetworkFile

SECONDS = 300  # for opening a file and a few calls; the largest parsers take a second a call


def try_file(
    path: Path,
    settings: "NetworkFile",
    classes: "ClassSet",
    threads: int,
    *,
    measured: bool = False,
    seconds: float = SECONDS,
) -> dict[str, float]:
    """Run a file in a child process.

    Args:
        path: The file.
        settings: The content of MAP.yaml.
        classes: The data's classes.
        threads: Processor threads of the child.
        measured: Whether to measure its latency and its memory too.
        seconds: How long the child may take.

    Returns:
        The metrics `latency/…` (ms) and `memory/…` (MiB); empty if they were not measured.

    Raises:
        UserError: The file cannot be opened or run, crashed its runtime, or needs too much time
            or memory.
    """
    request = {
        "path": str(path),
        "settings": settings.model_dump(mode="json"),
        "classes": classes.model_dump(mode="json"),
        "threads": threads,
        "measured": measured,
        "bytes": psutil.virtual_memory().available,
    }
    try:
        done = subprocess.run(  # noqa: S603
            module_command("pipelines.judge.trial_process"),
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{path} did not predict an image within {seconds:g} s; it is too large for this "
            "machine, or it never ends"
        ) from error
    try:
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise UserError(
            f"{path} made its runtime crash (exit code {done.returncode}): {last[:300]}. The file "
            "is damaged, or it needs more memory than is free"
        ) from error
    if "problem" in result:
        raise UserError(result["problem"])
    return {name: float(value) for name, value in result.items()}


def _run(request: dict[str, Any]) -> dict[str, float]:
    """Open the file and run it on one image; return its metrics."""
    from faceseg.data.classes import ClassSet
    from faceseg.inference.latency import peak_memory_mb
    from faceseg.inference.predictor import Predictor
    from pipelines.foreign.foreign_network import open_foreign_network
    from pipelines.foreign.settings import NetworkFile

    path, threads = Path(request["path"]), int(request["threads"])
    if path.suffix.lower() == ".keras":
        from faceseg.backends.device import configure_device

        configure_device(threads)
    settings = NetworkFile.model_validate(request["settings"])
    classes = ClassSet.model_validate(request["classes"])
    network = open_foreign_network(path, settings, classes, threads)
    require_run(path, network)
    if not request["measured"]:
        return {}
    from pipelines.execution.cost import measure_speed

    found = measure_speed(Predictor(network, classes), threads)
    return {**found, "memory/peak_mb": peak_memory_mb()}


def require_run(path: Path, network: "ForeignNetwork") -> None:
    """Raise UserError if a network cannot predict an image; with the layout that can, if any."""
    import numpy as np

    image = np.zeros((1, *network.form.size, 3), np.uint8)
    if problem := _problem(network, image):
        raise UserError(f"{path}: {problem}{_better_layout(network, image)}")


def _problem(network: "ForeignNetwork", image: "NDArray[np.uint8]") -> str:
    """Return why a network cannot predict an image; empty if it can."""
    try:
        network.predict_on_batch(image)
    except UserError as error:
        return str(error)
    except Exception as error:  # the runtimes raise many kinds
        shown = ", ".join(f"{key}: {value}" for key, value in network.form.words().items())
        return f"it cannot run with {shown}: {first_line(error)}"
    return ""


def _better_layout(network: "ForeignNetwork", image: "NDArray[np.uint8]") -> str:
    """Return advice if the network runs with the other layout; empty if it does not."""
    form = network.form
    other = form.model_copy(update={"layout": "NHWC" if form.layout == "NCHW" else "NCHW"})
    if "layout" in network.known or _problem(network.with_form(other), image):
        return ""
    return f". It runs with layout: {other.layout} instead of {form.layout}; correct the map"


def main() -> None:
    """Run the request, and print its result or the problem of its file."""
    import resource

    request = json.loads(sys.stdin.read())
    # On Linux, of the memory that is written to; other systems may not enforce it.
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = request["bytes"] if highest < 0 else min(request["bytes"], highest)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, highest))
    try:
        result: dict[str, Any] = _run(request)
    except (UserError, MemoryError) as error:
        result = {"problem": f"{request['path']}: it needs more memory than is free"}
        if isinstance(error, UserError):
            result = {"problem": str(error)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
