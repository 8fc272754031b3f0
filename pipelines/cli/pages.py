"""The verb `ui`: the pages of MLflow or of Optuna's dashboard, on this machine only.

`python -m pipelines.cli.pages ADDRESS` opens a page in the web browser once its server responds.
"""

import os
import subprocess
import sys
import time
from typing import Annotated

import typer

from faceseg.errors import UserError
from pipelines.cli.arguments import (
    LOOPBACK,
    ExperimentFile,
    Overrides,
    load_experiment,
    require_runs,
)

# MLflow's pages accept these Host headers only; its default includes all private addresses.
LOOPBACK_HOSTS = "localhost:*,127.0.0.1:*"
START_TIMEOUT = 60.0  # seconds that MLflow's server has to respond
POLL_INTERVAL = 0.5  # seconds

app = typer.Typer()


@app.command()
def ui(
    experiment: ExperimentFile,
    port: Annotated[int, typer.Option(min=1, max=65535, help=f"Port on {LOOPBACK}.")] = 5000,
    search: Annotated[
        bool, typer.Option("--search", help="Serve Optuna's dashboard of the search instead.")
    ] = False,
    override: Overrides = None,
) -> None:
    """Serve MLflow's web pages with the experiment's runs, on this machine only.

    Prints the address of the table of runs, and opens it in the web browser of a desktop.
    """
    settings = load_experiment(experiment, override)
    if search:
        from pipelines.cli.search_pages import serve_search

        serve_search(settings, port)
        return
    if settings.tracking_uri.startswith("http"):
        raise UserError(
            f"this experiment's runs are on an MLflow server with its own web pages: "
            f"{settings.tracking_uri}"
        )
    require_runs(settings, experiment, override)
    from pipelines.cluster.child_processes import mlflow_server_environment, module_command
    from pipelines.cluster.ports import check_port
    from pipelines.tracking import Tracker
    from pipelines.tracking.runs_table import runs_table_address

    # Of a database that it cannot use and of a taken port, MLflow would print a traceback.
    tracker = Tracker(settings.tracking_uri)
    _ = tracker.client
    check_port(LOOPBACK, port)
    address = runs_table_address(tracker, settings.name, f"http://{LOOPBACK}:{port}")
    typer.echo(f"runs, as soon as MLflow has started: {address}")
    command = module_command("mlflow", "ui", "--host", LOOPBACK, "--port", str(port))
    command += ["--workers", "1"]
    os.environ.setdefault("MLFLOW_SERVER_ALLOWED_HOSTS", LOOPBACK_HOSTS)
    os.environ |= {
        # Not an argument: every user of the machine can read the arguments of a process.
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    } | mlflow_server_environment()
    if has_desktop():
        opener = module_command("pipelines.cli.pages", address)
        subprocess.Popen(opener, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606  # the server replaces this process


def has_desktop() -> bool:
    """Return whether this is a terminal on a desktop: elsewhere a text browser would open in it."""
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and graphical


def open_when_served(address: str) -> bool:
    """Open a page in the web browser once its server responds; return whether it did."""
    import webbrowser
    from urllib.request import urlopen

    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=START_TIMEOUT):  # noqa: S310
                return webbrowser.open(address)
        except OSError:  # URLError is one
            time.sleep(POLL_INTERVAL)
    return False


if __name__ == "__main__":
    open_when_served(sys.argv[1])
