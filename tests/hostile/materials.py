"""The valid files that hostile ones are made from. Importing all frameworks takes seconds."""

from pathlib import Path

from tests.hostile.hostile_file import Materials

FACES = "data: {image_size: [32, 32], drawn: {train: 4, val: 2, test: 2, size: 32}}\n"


def make_materials(folder: Path) -> Materials:
    """Make the materials, and import what the verbs import."""
    from tests.hostile.outcome import command
    from tests.pipelines.serve.sample_photographs import encoded, network, red_and_blue

    photograph = folder / "photograph.png"
    photograph.write_bytes(encoded(red_and_blue()))
    experiment = folder / "tiny.yaml"
    experiment.write_text(f"{FACES}storage: {folder / 'results'}\narchitectures: {{unet: {{}}}}\n")
    outcome = command("prepare", experiment)
    assert outcome.code == 0, outcome.text
    saved = network(folder / "best.keras")
    return Materials(
        network=saved,
        photograph=photograph,
        mlflow=_mlflow(folder, saved),
        optuna=_optuna(folder),
        experiment=experiment,
        summary=next(line for line in outcome.text.splitlines() if line.startswith("images: ")),
    )


def _mlflow(folder: Path, network: Path) -> Path:
    from pipelines.config import load
    from pipelines.tracking import RunIdentity, Tracker

    path = folder / "mlflow.db"
    tracker = Tracker(f"sqlite:///{path}")
    study = load(folder / "tiny.yaml").study
    experiment_id = tracker.experiment("tiny", folder / "artifacts")
    runs = []
    for kind in ("study", "final"):
        identity = {"study": study, "kind": kind, "architecture": "unet", "seed": "0"}
        run = RunIdentity(
            experiment_id=experiment_id, name=kind, identity=identity, description="", parent=""
        )
        runs.append(tracker.find_or_make_run(run))
        tracker.log_metrics(runs[-1], {"test/iou": 0.5})
        tracker.end(runs[-1], "FINISHED")
    tracker.client.log_artifact(runs[-1], str(network), "model")
    tracker.client.create_registered_model("faceseg")
    source = f"{tracker.client.get_run(runs[-1]).info.artifact_uri}/model"
    tags = {"architecture": "unet", "test_iou": "0.5", "study": study, "winner": "0"}
    tracker.client.create_model_version("faceseg", source, runs[-1], tags)
    tracker.client.set_registered_model_alias("faceseg", "champion", "1")
    return path


def _optuna(folder: Path) -> Path:
    from pipelines.config.databases import sqlite_url
    from pipelines.search.database import open_storage

    open_storage(sqlite_url(folder / "optuna.db")).engine.dispose()
    return folder / "optuna.db"
