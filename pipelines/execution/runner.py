"""Run one job: train, keep the best epoch, evaluate, and log all of it in one MLflow run.

Trials of the search and finals differ only at the end: a trial is evaluated under occlusion on
validation images; a final is tested (once), evaluated under all suites on test images, measured
and registered.
"""

import logging
import math
import socket
import time
from dataclasses import asdict

import keras

from faceseg.backends.device import resolve_precision
from faceseg.inference.face_box import predictor_of
from faceseg.inference.predictor import Predictor
from faceseg.networks.saving import save_network
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.loop import Epoch, NonFiniteLossError, TrainingData, TrainingOutcome, train
from faceseg.training.stopwatch import CHECKPOINTS, COMPILING, Stopwatch
from pipelines.config.goals import GOAL_PREFIX
from pipelines.execution import cost
from pipelines.execution.assessment import assess
from pipelines.execution.teacher import teacher_of
from pipelines.execution.trained_files import history_table, network_origin, restore_training
from pipelines.execution.trial_goals import goal_values, known_costs
from pipelines.job import results
from pipelines.job.checkpoints import BEST, LATEST, JobCheckpoints
from pipelines.job.context import StudyContext, job_checkpoints, job_outbox
from pipelines.job.cost_log import log_job_cost
from pipelines.job.cost_meter import CostMeter
from pipelines.job.job import Job, JobResult, Reporter
from pipelines.registry import publish
from pipelines.tracking import Outbox
from pipelines.tracking.system_metrics import log_system_metrics

MAX_COMPILED_NETWORKS = 3  # that a worker keeps, the last used ones: as a rule, one an architecture
logger = logging.getLogger(__name__)


class JobRunner:
    """Run jobs in one process, one after the other.

    Args:
        context: The study's context.
        threads: Processor threads of this process.
        clock: Measures the phases of this process; each run logs the seconds since the run before.
        meter: Measures what each attempt uses, which the caller begins; None: no cost is logged.
    """

    def __init__(
        self,
        context: StudyContext,
        threads: int,
        clock: Stopwatch | None = None,
        meter: CostMeter | None = None,
    ) -> None:
        self.context = context
        self.threads = threads
        self.clock = clock or Stopwatch()
        self.meter = meter
        self._compiled: dict[str, tuple[CompiledNetwork, Predictor]] = {}
        self._architectures: dict[str, str] = {}  # of the compiled networks
        self._jobs = 0
        self._seconds: dict[str, float] = {}

    def run(self, job: Job, reporter: Reporter) -> JobResult:
        """Run one job.

        Args:
            job: What to train.
            reporter: Receives its progress, and returns after each epoch whether it continues.

        Returns:
            How it ended. A non-finite loss is a result (`Decision.FAIL`, without replacing the
            process); other errors are raised.
        """
        self._jobs += 1
        checkpoints = job_checkpoints(self.context, job)
        with self.clock.phase(CHECKPOINTS):
            checkpoints.download()
        if outcome := checkpoints.read_outcome():  # its worker died before it recorded the end
            logger.info("ended in an earlier attempt")
            return JobResult(**outcome)
        with self.clock.phase(results.LOGGING_PHASE):
            outbox = self._open_run(job)
        try:
            with log_system_metrics(outbox):
                trained, predictor = self._restore(job, outbox, reporter) or self._train(
                    job, outbox, checkpoints, reporter
                )
        except NonFiniteLossError as failure:
            logger.warning("failed: %s", failure)
            outbox.once(self._phase_metrics(), time.time())
            self._log_cost(job, outbox)
            outbox.tags(state="failed", reason=failure, own_fault=True)
            outbox.end("FAILED")
            return JobResult(None, reason=str(failure))
        logger.info("trained %d epochs (%s)", len(trained.history), trained.stop_reason)
        values = self._evaluate_and_store(job, outbox, trained, predictor)
        goals = goal_values(self.context.experiment, job, trained, values)
        result = JobResult(
            _best(trained),
            trained.stop_reason == "pruned",
            seconds=self._seconds,
            goals=goals,
        )
        with self.clock.phase(results.LOGGING_PHASE):
            self._log_cost(job, outbox)
            outbox.once(
                {f"{GOAL_PREFIX}{name}": value for name, value in goals.items()},
                trained.history[-1].time,
            )
            outbox.tags(state="pruned" if result.pruned else "complete", end=trained.stop_reason)
            outbox.end("FINISHED")
            checkpoints.write_outcome(asdict(result))
        return result

    def compiled_networks(self) -> tuple[str, ...]:
        """Return the architectures whose networks are compiled in this process."""
        return tuple(dict.fromkeys(self._architectures[key] for key in self._compiled))

    def remove_checkpoints(self, job: Job) -> None:
        """Remove the checkpoints of a job whose end is recorded."""
        with self.clock.phase(CHECKPOINTS):
            job_checkpoints(self.context, job).remove()

    def record_failure(self, job: Job, reason: str, details: str) -> None:
        """Close the run of a job that raised an error; `details` is stored as failure.txt."""
        outbox = job_outbox(self.context, job)
        outbox.once(self._phase_metrics(), time.time())
        self._log_cost(job, outbox)
        outbox.tags(state="failed", reason=reason)
        with outbox.files() as folder:
            (folder / "failure.txt").write_text(details, encoding="utf-8")
        outbox.end("FAILED")

    def _restore(
        self, job: Job, outbox: Outbox, reporter: Reporter
    ) -> tuple[TrainingOutcome, Predictor] | None:
        """Return a training that is complete in the storage, after reporting its epochs again."""
        found = restore_training(self.context, job)
        for epoch in found[0].history if found else ():
            self._report(job, outbox, reporter, epoch)
        return found

    def _report(self, job: Job, outbox: Outbox, reporter: Reporter, epoch: Epoch) -> bool:
        """Log and report an epoch; return whether to continue."""
        with self.clock.phase(results.LOGGING_PHASE):
            outbox.metrics(epoch.metrics, epoch.number, epoch.time)
            speed = epoch.metrics["images_per_second"]
            return reporter.report(job.key, epoch.number, epoch.metrics["val/iou"], speed)

    def _train(
        self, job: Job, outbox: Outbox, checkpoints: JobCheckpoints, reporter: Reporter
    ) -> tuple[TrainingOutcome, Predictor]:
        context = self.context

        with self.clock.phase(COMPILING):
            compiled, predictor = self._compile(job, outbox)
        outbox.tags(xla=compiled.model.jit_compile)
        classes = context.experiment.data.class_set
        if costs := known_costs(context.experiment, job, compiled.network):
            reporter.note_costs(job.key, costs)
        outcome = train(
            compiled,
            job.settings,
            TrainingData(context.train, context.validation, classes),
            seed=job.seed,
            folder=checkpoints.folder,
            on_epoch=lambda epoch: self._report(job, outbox, reporter, epoch),
            threads=self.threads,
            on_step=lambda epoch, percent, loss: reporter.progress(job.key, epoch, percent, loss),
            on_saved=lambda: checkpoints.upload(LATEST, BEST),  # see `JobCheckpoints.upload`
            stopwatch=self.clock,
        )
        return outcome, predictor

    def _evaluate_and_store(
        self, job: Job, outbox: Outbox, outcome: TrainingOutcome, predictor: Predictor
    ) -> dict[str, float]:
        """Write and log the files and metrics of a trained network; return the last metrics."""
        context, classes = self.context, self.context.experiment.data.class_set
        started = time.perf_counter()
        with self.clock.phase(results.ARTIFACTS_PHASE), outbox.files() as folder:
            origin = network_origin(context, job, _best(outcome))
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
            ended = outcome.history[-1].time  # the same if all is logged again after a crash
            values |= known_costs(context.experiment, job, predictor.network)
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
        return values

    def _log_cost(self, job: Job, outbox: Outbox) -> None:
        """End the measurement of this attempt, and log what all attempts at the job have used."""
        if self.meter:
            log_job_cost(outbox, job, job.spent + self.meter.stop(), self.context.experiment)

    def _phase_metrics(self) -> dict[str, float]:
        """Return the seconds of each phase since the last run, and the number of the job here."""
        self._seconds = self.clock.lap()
        return {**results.phase_metrics(self._seconds), results.WORKER_JOB_METRIC: self._jobs}

    def _compile(self, job: Job, outbox: Outbox) -> tuple[CompiledNetwork, Predictor]:
        experiment = self.context.experiment
        data = experiment.data
        architecture, options = experiment.network_of(job.key.architecture, job.network)
        spec = NetworkSpec(
            architecture=architecture,
            image_size=data.image_size,
            num_classes=len(data.class_set),
            options=options,
        )
        if job.teachers:  # of this final alone, so the network is of no use to another job
            taught = CompiledNetwork(spec, job.settings, teacher_of(self.context, job, outbox))
            return taught, predictor_of(taught.network, data.class_set, self.context.face_box)
        key = CompiledNetwork.cache_key(spec, job.settings)
        pair = self._compiled.pop(key, None)
        if pair is None:
            compiled = CompiledNetwork(spec, job.settings)
            origin = self.context.face_box
            pair = compiled, predictor_of(compiled.network, data.class_set, origin)
        while len(self._compiled) >= MAX_COMPILED_NETWORKS:
            del self._compiled[next(iter(self._compiled))]
        self._compiled[key] = pair
        self._architectures[key] = job.key.architecture
        return pair

    def _open_run(self, job: Job) -> Outbox:
        """Log that an attempt at the job starts, and the job's parameters."""
        context, outbox = self.context, job_outbox(self.context, job)
        settings = job.settings.model_dump()
        experiment = context.experiment
        architecture, options = experiment.network_of(job.key.architecture, job.network)
        outbox.open(
            context.dataset,
            attempt=job.attempt,
            seed=job.seed,
            commit=context.commit,
            backend=keras.backend.backend(),
            precision=resolve_precision(job.settings.precision),
            data=context.manifest.fingerprint,
            host=socket.gethostname(),
            **self._origin_tags(job, architecture),
            **({"state": "unfinished", "reason": ""} if job.attempt > 1 else {}),
        )
        outbox.params({**settings, "network": {"name": architecture, **options}, "seed": job.seed})
        return outbox

    def _origin_tags(self, job: Job, architecture: str) -> dict[str, str]:
        """Return the tags that name what a variant differs from, and who teaches."""
        distil = self.context.experiment.distil
        if job.teachers and distil is not None:
            return {"variant_of": distil.student, "taught_by": distil.teacher}
        return {"variant_of": architecture} if architecture != job.key.architecture else {}


def _best(outcome: TrainingOutcome) -> float:
    """Return the best `val/iou`; NaN (no foreground anywhere) counts as 0."""
    return 0.0 if math.isnan(outcome.best_iou) else outcome.best_iou
