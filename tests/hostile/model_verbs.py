"""Verbs that meet networks and databases, in an empty folder."""

import traceback
from pathlib import Path

from faceseg.errors import UserError
from tests.hostile.hostile_file import Materials
from tests.hostile.outcome import Outcome, Verb, command, outcome_of
from tests.infra.processes import free_port

MODEL = "models:/faceseg@champion"


def _serve_model(model: str, tracking: str | None = None) -> Outcome:
    """Check a model as `serve` does before it starts, and load it as a replica does."""
    from pipelines.serve import server
    from pipelines.serve.served_model import ServedModel
    from pipelines.serve.settings import ServeSettings

    def serve() -> None:
        source = server._check_model(ServeSettings(model=model, tracking=tracking))
        try:
            ServedModel(source, lambda _: None)
        except Exception:  # of a replica, of whose traceback the command prints one line
            raise UserError(server._error_message(traceback.format_exc())) from None

    return outcome_of(serve)


def _demo_of(model: str, tracking: str | None = None) -> Outcome:
    """Open a model as `demo` does; the command would then serve until Ctrl-C."""
    from pipelines.demo.networks import open_networks

    return outcome_of(lambda: open_networks([model], tracking))


def _of_storage(verb: str, file: Path, materials: Materials) -> Outcome:
    """Run a verb on the storage in which the hostile database is."""
    more = [f"--port={free_port()}"] if verb == "ui" else []
    return command(verb, materials.experiment, f"--set=storage={file.parent}", *more)


def _from_registry(verb: str, file: Path, materials: Materials) -> Outcome:
    tracking = f"sqlite:///{file}"
    if verb == "predict":
        return command(verb, MODEL, materials.photograph, "--out=out", f"--tracking={tracking}")
    return {"serve": _serve_model, "demo": _demo_of}[verb](MODEL, tracking)


def _open_optuna(file: Path, _: Materials) -> Outcome:
    """Open a database as the coordinator of a study does."""
    from pipelines.config.databases import sqlite_url
    from pipelines.search.database import open_storage

    return outcome_of(lambda: open_storage(sqlite_url(file)).get_all_studies())


MODEL_VERBS: dict[str, Verb] = {
    "predict with it": lambda file, made: command("predict", file, made.photograph, "--out=out"),
    "export it": lambda file, _: command("export", file, "--format=onnx"),
    "demo of it": lambda file, _: _demo_of(str(file)),
    "serve it": lambda file, _: _serve_model(str(file)),
    **{
        verb: lambda file, made, verb=verb: _of_storage(verb, file, made)
        for verb in ("study", "compare", "promote", "rollback", "models", "ui", "status", "clean")
    },
    **{
        f"{verb} from it": lambda file, made, verb=verb: _from_registry(verb, file, made)
        for verb in ("predict", "demo", "serve")
    },
    "Optuna": _open_optuna,
}
