"""One job done: train, keep the best epoch, evaluate, and say all of it in one MLflow run.

Trials of the search and finals differ in the end only: a trial is occluded on validation
images; a final is tested (once), occluded on test images, measured and registered.
"""

import math
import socket
import time
from dataclasses import asdict, dataclass

import keras
import pandas as pd

from faceseg.devices import resolve_precision
from faceseg.predictor import Predictor
from faceseg.saving import save
from faceseg.stopwatch import CHECKPOINTS, COMPILING, Stopwatch
from faceseg.training.compiled import CompiledNetwork, Recipe
from faceseg.training.fit import Epoch, Material, NonFiniteLossError, Outcome, train
from pipelines import measure, phases, registry, runs
from pipelines.assess import assess
from pipelines.checkpoints import BEST, LATEST, Checkpoints
from pipelines.context import Context
from pipelines.search.job import Job
from pipelines.search.line import Line
from pipelines.tracking import Outbox
from pipelines.tracking.machine import machine_watched

KEPT = 3  # compiled networks a worker keeps, the last used: one an architecture as a rule


@dataclass(frozen=True)
class Result:
    """How a job ended: `value` is the best `val/iou`; None, with a reason, if it failed."""

    value: float | None
    pruned: bool = False
    reason: str = ""


class Bench:
    """Where jobs are done, one after the other, in one process.

    `clock` is the process's: each run is told where the time since the run before it went.
    """

    def __init__(self, context: Context, threads: int, clock: Stopwatch | None = None) -> None:
        self.context = context
        self.threads = threads
        self.clock = clock or Stopwatch()
        self._compiled: dict[str, tuple[CompiledNetwork, Predictor]] = {}
        self._names: dict[str, str] = {}  # of what is compiled
        self._jobs = 0

    def do(self, job: Job, line: Line) -> Result:
        """Do one job. The job's own failures are a result; anything else is raised."""
        self._jobs += 1
        checkpoints = runs.checkpoints(self.context, job)
        with self.clock.phase(CHECKPOINTS):
            checkpoints.fetch()
        if known := checkpoints.outcome():  # ended before, and its worker died untold
            return Result(**known)
        with self.clock.phase(phases.LOGGING):
            outbox = self._begin(job)
        try:
            with machine_watched(outbox):
                outcome, predictor = self._train(job, outbox, checkpoints, line)
        except NonFiniteLossError as failure:
            outbox.once(self._times(), time.time())
            outbox.tags(state="failed", reason=failure)
            outbox.end("FAILED")
            return Result(None, reason=str(failure))
        self._conclude(job, outbox, outcome, predictor)
        result = Result(_best(outcome), outcome.end == "pruned")
        with self.clock.phase(phases.LOGGING):
            outbox.tags(state="pruned" if result.pruned else "complete", end=outcome.end)
            outbox.end("FINISHED")
            checkpoints.conclude(asdict(result))
        return result

    def warm(self) -> tuple[str, ...]:
        """Return the networks that are compiled here."""
        return tuple(dict.fromkeys(self._names[key] for key in self._compiled))

    def forget(self, job: Job) -> None:
        """Remove the checkpoints of a job whose end has been heard."""
        with self.clock.phase(CHECKPOINTS):
            runs.checkpoints(self.context, job).remove()

    def fail(self, job: Job, reason: str, details: str) -> None:
        """Close the run of a job that raised: the reason as a tag, the traceback as a file."""
        outbox = runs.outbox(self.context, job)
        outbox.once(self._times(), time.time())
        outbox.tags(state="failed", reason=reason)
        with outbox.files() as folder:
            (folder / "failure.txt").write_text(details, encoding="utf-8")
        outbox.end("FAILED")

    def _train(
        self, job: Job, outbox: Outbox, checkpoints: Checkpoints, line: Line
    ) -> tuple[Outcome, Predictor]:
        context = self.context

        def report(epoch: Epoch) -> bool:
            with self.clock.phase(CHECKPOINTS):
                checkpoints.push(BEST, LATEST)
            with self.clock.phase(phases.LOGGING):
                outbox.metrics(epoch.metrics, epoch.number, epoch.time)
                speed = epoch.metrics["images_per_second"]
                return line.report(job.key, epoch.number, epoch.metrics["val/iou"], speed)

        with self.clock.phase(COMPILING):
            compiled, predictor = self._compile(job)
        classes = context.experiment.data.class_set
        outcome = train(
            compiled,
            job.settings,
            Material(context.train, context.validation, classes),
            seed=job.seed,
            folder=checkpoints.folder,
            report=report,
            threads=self.threads,
            on_step=lambda epoch, percent, loss: line.progress(job.key, epoch, percent, loss),
            clock=self.clock,
        )
        return outcome, predictor

    def _conclude(self, job: Job, outbox: Outbox, outcome: Outcome, predictor: Predictor) -> None:
        """Write and say everything that a trained network leaves behind."""
        context, classes = self.context, self.context.experiment.data.class_set
        started = time.perf_counter()
        with self.clock.phase(phases.ARTIFACTS), outbox.files() as folder:
            origin = {
                "architecture": context.experiment.networks[job.key.architecture][0],
                "study": job.study,
                "kind": job.key.kind,
                "trial": job.key.number,
                "seed": job.seed,
                "val_iou": _best(outcome),
                "commit": context.commit,
                "backend": keras.backend.backend(),
            }
            model_file = folder / "checkpoints" / "best.keras"
            save(predictor.network, model_file, classes, origin)
            history_table(outcome.history).to_csv(folder / "history.csv", index=False)
            (folder / "experiment.yaml").write_text(context.experiment.as_yaml(), encoding="utf-8")
            values = {
                "best/epoch": outcome.best_epoch,
                "best/val_iou": _best(outcome),
                "epochs": len(outcome.history),
                "seconds/training": sum(each.metrics["epoch_seconds"] for each in outcome.history),
            }
            ended = outcome.history[-1].time  # the same when it is all done again after a crash
            values |= assess(
                context,
                job.key.kind,
                predictor,
                outbox,
                folder,
                at=ended,
                threads=self.threads,
                clock=self.clock,
            )
            if job.key.kind == "final":
                with self.clock.phase(phases.MEASURING):
                    values |= measure.cost([predictor], [model_file], self.threads)
                registry.register(context, job, outbox, folder, values)
            values["seconds/evaluation"] = time.perf_counter() - started
            outbox.once(values | self._times(), ended)

    def _times(self) -> dict[str, float]:
        """Return where the time since the last run went, and which of this process's jobs it is."""
        return {**phases.named(self.clock.lap()), phases.PLACE: self._jobs}

    def _compile(self, job: Job) -> tuple[CompiledNetwork, Predictor]:
        data = self.context.experiment.data
        architecture, options = self.context.experiment.networks[job.key.architecture]
        recipe = Recipe(architecture, data.image_size, len(data.class_set), options)
        key = CompiledNetwork.key(recipe, job.settings)
        pair = self._compiled.pop(key, None)
        if pair is None:
            compiled = CompiledNetwork(recipe, job.settings)
            pair = compiled, Predictor(compiled.network, data.class_set)
        while len(self._compiled) >= KEPT:
            del self._compiled[next(iter(self._compiled))]
        self._compiled[key] = pair
        self._names[key] = job.key.architecture
        return pair

    def _begin(self, job: Job) -> Outbox:
        """Say that an attempt at the job begins, and what the job is."""
        context, outbox = self.context, runs.outbox(self.context, job)
        settings = job.settings.model_dump()
        architecture, options = context.experiment.networks[job.key.architecture]
        manifest = context.manifest
        outbox.open(
            context.dataset,
            attempt=job.attempt,
            seed=job.seed,
            commit=context.commit,
            backend=keras.backend.backend(),
            precision=resolve_precision(job.settings.precision),
            data=manifest.fingerprint,
            host=socket.gethostname(),
            **({"variant_of": architecture} if architecture != job.key.architecture else {}),
        )
        outbox.params({**settings, "network": {"name": architecture, **options}, "seed": job.seed})
        return outbox


def _best(outcome: Outcome) -> float:
    """Return the best `val/iou`; NaN (no foreground anywhere) counts as 0."""
    return 0.0 if math.isnan(outcome.best_iou) else outcome.best_iou


def history_table(history: tuple[Epoch, ...]) -> pd.DataFrame:
    """Return the epochs as a table, one row each."""
    return pd.DataFrame(
        [{"epoch": epoch.number, "time": epoch.time, **epoch.metrics} for epoch in history]
    )
