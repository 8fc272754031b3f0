"""One job done: train, keep the best epoch, evaluate, and log all of it to one MLflow run.

Trials of the search and finals differ in the end only: a trial is occluded on validation
images; a final is tested (once), occluded on test images, measured and registered.
"""

import math
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from faceseg.predictor import Predictor
from faceseg.saving import save
from faceseg.training.compiled import CompiledNetwork, Recipe
from faceseg.training.fit import Epoch, Material, NonFiniteLossError, Outcome, train
from pipelines import final, occluded, registry
from pipelines.context import Context
from pipelines.figures import predictions_figure
from pipelines.search.job import Job
from pipelines.search.line import Line

KEPT = 3  # compiled networks a worker keeps, the last used: one an architecture as a rule


@dataclass(frozen=True)
class Result:
    """How a job ended: `value` is the best `val/iou`; None, with a reason, if it failed."""

    value: float | None
    pruned: bool = False
    reason: str = ""


class Bench:
    """Where jobs are done, one after the other, in one process."""

    def __init__(self, context: Context, threads: int) -> None:
        self.context = context
        self.threads = threads
        self._compiled: dict[str, CompiledNetwork] = {}

    def do(self, job: Job, line: Line) -> Result:
        """Do one job. The job's own failures are a result; anything else is raised."""
        run_id = self._open_run(job)
        tracker = self.context.tracker
        if known := tracker.result(run_id):  # ended here before, and its worker died untold
            tracker.end(run_id, "FINISHED")
            return Result(*known)
        try:
            with tracker.system_metrics(run_id):
                outcome, compiled = self._train(job, run_id, line)
        except NonFiniteLossError as failure:
            tracker.set_tags(run_id, state="failed", reason=failure)
            tracker.end(run_id, "FAILED")
            return Result(None, reason=str(failure))
        self._conclude(job, run_id, outcome, compiled)
        pruned = outcome.end == "pruned"
        tracker.set_tags(run_id, state="pruned" if pruned else "complete", end=outcome.end)
        tracker.end(run_id, "FINISHED")
        return Result(_best(outcome), pruned)

    def forget(self, job: Job) -> None:
        """Remove the checkpoints of a job whose end has been heard."""
        shutil.rmtree(self._folder(job), ignore_errors=True)

    def fail(self, job: Job, reason: str, details: str) -> None:
        """Close the run of a job that raised: the reason as a tag, the traceback as a file."""
        tracker = self.context.tracker
        run_id = self._open_run(job)
        tracker.set_tags(run_id, state="failed", reason=reason)
        with tracker.files(run_id) as folder:
            (folder / "failure.txt").write_text(details, encoding="utf-8")
        tracker.end(run_id, "FAILED")

    def _train(self, job: Job, run_id: str, line: Line) -> tuple[Outcome, CompiledNetwork]:
        context, tracker = self.context, self.context.tracker

        def report(epoch: Epoch) -> bool:
            tracker.log_metrics(run_id, epoch.metrics, epoch.number, epoch.time)
            speed = epoch.metrics["images_per_second"]
            return line.report(job.key, epoch.number, epoch.metrics["val/iou"], speed)

        compiled = self._compile(job)
        classes = context.experiment.data.class_set
        outcome = train(
            compiled,
            job.settings,
            Material(context.train, context.validation, classes),
            seed=job.seed,
            folder=self._folder(job),
            report=report,
            threads=self.threads,
            on_step=lambda epoch, percent, loss: line.progress(job.key, epoch, percent, loss),
        )
        return outcome, compiled

    def _conclude(self, job: Job, run_id: str, outcome: Outcome, compiled: CompiledNetwork) -> None:
        """Write and log everything that a trained network leaves behind."""
        context, classes = self.context, self.context.experiment.data.class_set
        started = time.perf_counter()
        predictor = Predictor(compiled.network, classes)
        with context.tracker.files(run_id) as folder:
            origin = {
                "architecture": job.key.architecture,
                "study": job.study,
                "run": run_id,
                "seed": job.seed,
                "val_iou": _best(outcome),
                "commit": context.commit,
            }
            model_file = folder / "checkpoints" / "best.keras"
            save(compiled.network, model_file, classes, origin)
            history_table(outcome.history).to_csv(folder / "history.csv", index=False)
            (folder / "experiment.yaml").write_text(context.experiment.as_yaml(), encoding="utf-8")
            split = context.test if job.key.kind == "final" else context.validation
            predictions_figure(predictor, split, folder / "figures" / "predictions.png")
            values = {
                "best/epoch": outcome.best_epoch,
                "best/val_iou": _best(outcome),
                "epochs": len(outcome.history),
                "seconds/training": sum(each.metrics["epoch_seconds"] for each in outcome.history),
            }
            ended = outcome.history[-1].time  # the same when it is all done again after a crash
            values |= occluded.evaluate(context, job, predictor, run_id, folder, at=ended)
            if job.key.kind == "final":
                values |= final.evaluate(context, predictor, model_file, folder, self.threads)
            values["seconds/evaluation"] = time.perf_counter() - started
            context.tracker.log_once(run_id, values, ended)
        if job.key.kind == "final":
            registry.register(context, job, run_id, values)

    def _compile(self, job: Job) -> CompiledNetwork:
        data = self.context.experiment.data
        architecture = job.key.architecture
        options = self.context.experiment.architectures[architecture].options()
        recipe = Recipe(architecture, data.image_size, len(data.class_set), options)
        key = CompiledNetwork.key(recipe, job.settings)
        compiled = self._compiled.pop(key, None) or CompiledNetwork(recipe, job.settings)
        while len(self._compiled) >= KEPT:
            del self._compiled[next(iter(self._compiled))]
        self._compiled[key] = compiled
        return compiled

    def _folder(self, job: Job) -> Path:
        return self.context.checkpoints / job.study / job.key.folder

    def _open_run(self, job: Job) -> str:
        context, tracker = self.context, self.context.tracker
        identity = {
            "study": job.study,
            "kind": job.key.kind,
            "architecture": job.key.architecture,
            "trial": str(job.key.number),
            "winner": job.key.winner or "-",
        }
        run_id = tracker.open_run(
            context.experiment_id,
            job.key.label,
            identity,
            describe(job, alone=not context.study_run),
            context.study_run,
        )
        settings = job.settings.model_dump()
        architecture = context.experiment.architectures[job.key.architecture].options()
        tracker.log_params(run_id, {**settings, "network": architecture, "seed": job.seed})
        manifest = context.manifest
        tracker.log_dataset(
            run_id, context.experiment.data.source, manifest.fingerprint, **context.dataset_facts()
        )
        tracker.set_tags(
            run_id,
            attempt=job.attempt,
            seed=job.seed,
            commit=context.commit,
            data=manifest.fingerprint,
            host=socket.gethostname(),
        )
        return run_id


def _best(outcome: Outcome) -> float:
    """Return the best `val/iou`; NaN (no foreground anywhere) counts as 0."""
    return 0.0 if math.isnan(outcome.best_iou) else outcome.best_iou


def history_table(history: tuple[Epoch, ...]) -> pd.DataFrame:
    """Return the epochs as a table, one row each."""
    return pd.DataFrame(
        [{"epoch": epoch.number, "time": epoch.time, **epoch.metrics} for epoch in history]
    )


def describe(job: Job, alone: bool = False) -> str:
    """Say in a sentence what a run is. alone: it belongs to no study."""
    settings = job.settings
    what = f"Trial {job.key.number} of the search for {job.key.architecture}"
    if alone:
        what = f"Single training {job.key.number} of {job.key.architecture}"
    elif job.key.kind == "final":
        what = f"Final {job.key.number} of {job.key.architecture}'s best setting, tested once"
    return (
        f"{what}: learning rate {settings.learning_rate:.3g}, batch size {settings.batch_size}, "
        f"{settings.epochs} epochs, seed {job.seed}."
    )
