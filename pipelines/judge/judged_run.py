"""The MLflow run of a judged network: its identity, its test, and what it logs.

It is a child of the study's run, without the tag `study`: the runs with this tag are restored,
closed and counted by the study.
"""

import hashlib
import json
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Run
from rich.console import Console

from faceseg.data.manifest import MANIFEST
from faceseg.evaluation.records import EvaluationRecords
from faceseg.inference.predictor import Predictor
from pipelines.compare.study_data.judged_rows import BASELINE_METRIC, JUDGED, LEFT_OUT_TAG
from pipelines.execution.assessment import assess, baseline_class_iou
from pipelines.execution.judged_teacher import MAP_FILE, STORED_TAG, stored_file
from pipelines.foreign.foreign_network import ForeignNetwork
from pipelines.foreign.settings import NetworkFile
from pipelines.job.context import StudyContext, study_sender
from pipelines.judge.card import CARD_FILE, judged_card
from pipelines.judge.trial_process import try_file
from pipelines.studies.cleanup import FINAL_DRAIN_TIMEOUT, wait_for_delivery
from pipelines.tracking import Outbox, RunIdentity

TEST_VERSION = 2  # of what is logged: a file is judged again after it changes


@dataclass(frozen=True, kw_only=True)
class JudgedFile:
    """A file that is judged: its name in tables, its checksum and its settings."""

    name: str
    path: Path
    sha256: str
    settings: NetworkFile

    @property
    def digest(self) -> str:
        """A digest of everything that the results depend on, besides the study."""
        content = [TEST_VERSION, self.sha256, self.settings.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class JudgedRun:
    """The run of a file in the study of a context."""

    context: StudyContext
    file: JudgedFile

    @property
    def is_complete(self) -> bool:
        """Whether the file was judged with these settings, on these images."""
        return bool(self._complete())

    def test(self, network: ForeignNetwork, console: Console) -> None:
        """Test the network, and log the run.

        Raises:
            UserError: The network fails, or MLflow does not respond.
        """
        classes = self.context.experiment.data.class_set
        form = {f"network.{key}": value for key, value in network.form.words().items()}
        outbox, at = self._outbox(), time.time()
        outbox.open(
            self.context.dataset,
            trial=0,
            seed=0,
            commit=self.context.commit,
            data=self.context.manifest.fingerprint,
            host=socket.gethostname(),
            **{LEFT_OUT_TAG: json.dumps([classes.names[each] for each in network.left_out])},
            **{STORED_TAG: stored_file(self.file.path.name)},
        )
        outbox.params({"file": self.file.path.name, "sha256": self.file.sha256, **form})
        with study_sender(self.context) as sender:
            try:
                with outbox.files() as files:
                    values = self._assess(network, outbox, files, at)
            except BaseException:
                outbox.end("FAILED")
                sender.drain(FINAL_DRAIN_TIMEOUT)
                raise
            outbox.once(values, at)
            outbox.tags(state="complete")
            outbox.end("FINISHED")
            wait_for_delivery(self.context, sender, console)

    def read_card(self) -> bytes:
        """Return the card of the complete run.

        Raises:
            UserError: The run has none, or MLflow does not respond.
        """
        run_id = self._complete()[-1].info.run_id
        with TemporaryDirectory(prefix="faceseg-") as folder:
            return self.context.tracker.fetch(run_id, CARD_FILE, Path(folder)).read_bytes()

    def _assess(
        self, network: ForeignNetwork, outbox: Outbox, files: Path, at: float
    ) -> dict[str, float]:
        """Test the network; write its files, and return its metrics."""
        context, file = self.context, self.file
        classes, threads = context.experiment.data.class_set, context.experiment.resources.threads
        predictor, left_out = Predictor(network, classes), network.left_out
        values = assess(
            context, "final", predictor, outbox, files, at=at, threads=threads, left_out=left_out
        )
        values |= try_file(file.path, file.settings, classes, threads, measured=True)
        values["model/size_mb"] = file.path.stat().st_size / 1024**2
        ious = baseline_class_iou(context, "final")
        for name, iou in zip(classes.names, ious, strict=True):
            values[f"{BASELINE_METRIC}{name}"] = float(iou)
        records = EvaluationRecords.read(files / "confusion.npz")
        card = judged_card(context, file.path.name, network, records, values)
        (files / CARD_FILE).write_text(card, encoding="utf-8")
        settings = file.settings.model_dump_json(exclude_none=True, indent=1)  # JSON is YAML
        (files / MAP_FILE).write_text(f"{settings}\n", encoding="utf-8")
        shutil.copyfile(file.path, files / stored_file(file.path.name))
        if not context.study_run:  # the study's run has it
            (files / MANIFEST).write_text(context.manifest.model_dump_json(), encoding="utf-8")
        return values

    @property
    def _identity(self) -> dict[str, str]:
        return {
            "judged_in": self.context.experiment.study,
            "kind": JUDGED,
            "architecture": self.file.name,
            "winner": self.file.digest,
        }

    def _outbox(self) -> Outbox:
        run = RunIdentity(
            experiment_id=self.context.experiment_id,
            name=self.file.name,
            identity=self._identity,
            description=f"{self.file.path.name}, trained by another program, tested once.",
            parent=self.context.study_run,
        )
        return Outbox(self.context.outboxes / f"{self.file.name}-{self.file.digest}", run)

    def _complete(self) -> list[Run]:
        context = self.context
        data, identity = context.manifest.fingerprint, self._identity
        return context.tracker.find_runs(
            context.experiment_id, **identity, data=data, state="complete"
        )
