"""Optuna's dashboard with a study's searches, on this machine only: `faceseg ui --search`."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import typer

from faceseg.errors import UserError
from pipelines.cli.arguments import LOOPBACK
from pipelines.cluster.ports import check_port
from pipelines.config.database_errors import sqlite_file

if TYPE_CHECKING:
    from pipelines.config import Experiment

HOSTS = (LOOPBACK, "localhost")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class QuietHandler(WSGIRequestHandler):
    """Answers requests without a line on the terminal for each."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Print nothing."""


def serve_search(experiment: "Experiment", port: int) -> None:
    """Serve the dashboard with all studies of the experiment's database, until interrupted.

    Args:
        experiment: The experiment.
        port: The port on the loopback address.

    Raises:
        UserError: The dashboard is not installed, there is no search yet, its database cannot be
            used, or the port is taken.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise UserError(
            "--search needs Optuna's dashboard: pip install 'faceseg[search-ui]'"
        ) from error
    from pipelines.search.database import open_storage

    file = sqlite_file(experiment.search_database)
    if file is not None and not file.exists():
        raise UserError(f"{file} does not exist: no search of this experiment has begun")
    check_port(LOOPBACK, port)
    application = only_from_loopback(wsgi(open_storage(experiment.search_database)))
    with make_server(LOOPBACK, port, application, handler_class=QuietHandler) as server:
        typer.echo(f"searches of {experiment.study}: http://{LOOPBACK}:{port}/dashboard/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def only_from_loopback(application: Application) -> Application:
    """Refuse requests that name another host.

    The dashboard has no password and can delete studies. Without this check, a page of another
    site could reach it under a name that resolves to this machine.
    """

    def checked(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        host = str(environment.get("HTTP_HOST", "")).partition(":")[0]
        if host in HOSTS:
            return application(environment, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"This server answers requests to localhost only.\n"]

    return checked
