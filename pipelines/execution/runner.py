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

from faceseg.backends.device import resolve_precision
from faceseg.inference.predictor import Predictor
from faceseg.networks.saving import save_network
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.loop import Epoch, NonFiniteLossError, TrainingData, TrainingOutcome, train
from faceseg.training.stopwatch import CHECKPOINTS, COMPILING, Stopwatch
from pipelines.execution import cost
from pipelines.execution.assessment import assess
from pipelines.job import context as runs
from pipelines.job import results
from pipelines.job.checkpoints import BEST, LATEST, JobCheckpoints
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, Reporter
from pipelines.registry import publish
from pipelines.tracking import Outbox
from pipelines.tracking.system_metrics import log_system_metrics

MAX_COMPILED_NETWORKS = (
    3  # compiled networks a worker keeps, the last used: one an architecture as a rule
)


@dataclass(frozen=True)
class JobResult:
    """How a job ended: `value` is the best `val/iou`; None, with a reason, if it failed."""

    value: float | None
    pruned: bool = False
    reason: str = ""


class JobRunner:
    """Where jobs are done, one after the other, in one process.

    `clock` is the process's: each run is told where the time since the run before it went.
    """

    def __init__(self, context: StudyContext, threads: int, clock: Stopwatch | None = None) -> None:
        self.context = context
        self.threads = threads
        self.clock = clock or Stopwatch()
        self._compiled: dict[str, tuple[CompiledNetwork, Predictor]] = {}
        self._names: dict[str, str] = {}  # of what is compiled
        self._jobs = 0

    def run(self, job: Job, line: Reporter) -> JobResult:
        """Do one job. The job's own failures are a result; anything else is raised."""
        self._jobs += 1
        checkpoints = runs.job_checkpoints(self.context, job)
        with self.clock.phase(CHECKPOINTS):
            checkpoints.download()
        if known := checkpoints.read_outcome():  # ended before, and its worker died untold
            return JobResult(**known)
        with self.clock.phase(results.LOGGING_PHASE):
            outbox = self._open_run(job)
        try:
            with log_system_metrics(outbox):
                outcome, predictor = self._train(job, outbox, checkpoints, line)
        except NonFiniteLossError as failure:
            outbox.once(self._phase_metrics(), time.time())
            outbox.tags(state="failed", reason=failure)
            outbox.end("FAILED")
            return JobResult(None, reason=str(failure))
        self._evaluate_and_store(job, outbox, outcome, predictor)
        result = JobResult(_best(outcome), outcome.stop_reason == "pruned")
        with self.clock.phase(results.LOGGING_PHASE):
            outbox.tags(state="pruned" if result.pruned else "complete", end=outcome.stop_reason)
            outbox.end("FINISHED")
            checkpoints.write_outcome(asdict(result))
        return result

    def compiled_networks(self) -> tuple[str, ...]:
        """Return the networks that are compiled here."""
        return tuple(dict.fromkeys(self._names[key] for key in self._compiled))

    def remove_checkpoints(self, job: Job) -> None:
        """Remove the checkpoints of a job whose end has been heard."""
        with self.clock.phase(CHECKPOINTS):
            runs.job_checkpoints(self.context, job).remove()

    def record_failure(self, job: Job, reason: str, details: str) -> None:
        """Close the run of a job that raised: the reason as a tag, the traceback as a file."""
        outbox = runs.job_outbox(self.context, job)
        outbox.once(self._phase_metrics(), time.time())
        outbox.tags(state="failed", reason=reason)
        with outbox.files() as folder:
            (folder / "failure.txt").write_text(details, encoding="utf-8")
        outbox.end("FAILED")

    def _train(
        self, job: Job, outbox: Outbox, checkpoints: JobCheckpoints, line: Reporter
    ) -> tuple[TrainingOutcome, Predictor]:
        context = self.context

        def report(epoch: Epoch) -> bool:
            with self.clock.phase(CHECKPOINTS):
                checkpoints.upload(BEST, LATEST)
            with self.clock.phase(results.LOGGING_PHASE):
                outbox.metrics(epoch.metrics, epoch.number, epoch.time)
                speed = epoch.metrics["images_per_second"]
                return line.report(job.key, epoch.number, epoch.metrics["val/iou"], speed)

        with self.clock.phase(COMPILING):
            compiled, predictor = self._compile(job)
        classes = context.experiment.data.class_set
        outcome = train(
            compiled,
            job.settings,
            TrainingData(context.train, context.validation, classes),
            seed=job.seed,
            folder=checkpoints.folder,
            report=report,
            threads=self.threads,
            on_step=lambda epoch, percent, loss: line.progress(job.key, epoch, percent, loss),
            clock=self.clock,
        )
        return outcome, predictor

    def _evaluate_and_store(
        self, job: Job, outbox: Outbox, outcome: TrainingOutcome, predictor: Predictor
    ) -> None:
        """Write and say everything that a trained network leaves behind."""
        context, classes = self.context, self.context.experiment.data.class_set
        started = time.perf_counter()
        with self.clock.phase(results.ARTIFACTS_PHASE), outbox.files() as folder:
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
            save_network(predictor.network, model_file, classes, origin)
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
                with self.clock.phase(results.MEASURING_PHASE):
                    values |= cost.network_cost([predictor], [model_file], self.threads)
                publish.register_final(context, job, outbox, folder, values)
            values["seconds/evaluation"] = time.perf_counter() - started
            outbox.once(values | self._phase_metrics(), ended)

    def _phase_metrics(self) -> dict[str, float]:
        """Return where the time since the last run went, and which of this process's jobs it is."""
        return {**results.phase_metrics(self.clock.lap()), results.WORKER_JOB_METRIC: self._jobs}

    def _compile(self, job: Job) -> tuple[CompiledNetwork, Predictor]:
        data = self.context.experiment.data
        architecture, options = self.context.experiment.networks[job.key.architecture]
        recipe = NetworkSpec(architecture, data.image_size, len(data.class_set), options)
        key = CompiledNetwork.cache_key(recipe, job.settings)
        pair = self._compiled.pop(key, None)
        if pair is None:
            compiled = CompiledNetwork(recipe, job.settings)
            pair = compiled, Predictor(compiled.network, data.class_set)
        while len(self._compiled) >= MAX_COMPILED_NETWORKS:
            del self._compiled[next(iter(self._compiled))]
        self._compiled[key] = pair
        self._names[key] = job.key.architecture
        return pair

    def _open_run(self, job: Job) -> Outbox:
        """Say that an attempt at the job begins, and what the job is."""
        context, outbox = self.context, runs.job_outbox(self.context, job)
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


def _best(outcome: TrainingOutcome) -> float:
    """Return the best `val/iou`; NaN (no foreground anywhere) counts as 0."""
    return 0.0 if math.isnan(outcome.best_iou) else outcome.best_iou


def history_table(history: tuple[Epoch, ...]) -> pd.DataFrame:
    """Return the epochs as a table, one row each."""
    return pd.DataFrame(
        [{"epoch": epoch.number, "time": epoch.time, **epoch.metrics} for epoch in history]
    )
