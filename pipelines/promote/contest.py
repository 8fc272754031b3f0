"""One candidate against whoever has the seat: judged, handed over, and the reasoning kept."""

import time
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient
from rich.console import Console

from pipelines.config import Experiment
from pipelines.promote import handover, telling, transfer
from pipelines.promote.decision import Decision, decide
from pipelines.promote.handover import Seat
from pipelines.promote.standing import Standing, read_standing
from pipelines.tracking import Tracker

TAG_LENGTH = 1000  # of a reason, as a tag


@dataclass(frozen=True)
class Contest:
    """One candidate against whoever has the seat. `standing` is what is known of `version`.

    The seat is at `tracker`, the candidate at `home`; as a rule they are one.
    """

    tracker: Tracker
    home: Tracker
    standing: Standing
    version: ModelVersion
    seat: Seat
    experiment: Experiment
    console: Console

    @property
    def client(self) -> MlflowClient:
        """MLflow's."""
        return self.tracker.client

    def judge_only(self) -> bool:
        """Tell the decision, and change nothing."""
        decision = self._judge(self._state())
        if decision is None:
            return True
        self._say(decision)
        self.console.print("dry run: nothing was changed")
        return decision.promoted

    def hold(self) -> bool:
        """Decide, and hand the seat over. Who loses it to a faster one is judged again."""
        while True:
            state = self._state()
            decision = self._judge(state)
            if decision is None:
                return True
            if not decision.promoted:
                self._say(decision)
                self._keep(decision, self.version, "refused")
                return False
            target = self._in_model()
            if state is None:
                continue  # the model was made just now: somebody else may have been faster
            self._keep(decision, target, "let through")  # first: a kill here loses no reasoning
            if handover.hand_over(self.client, self.seat, state, str(target.version)):
                self.client.set_model_version_tag(target.name, target.version, "gate", "promoted")
                self._say(decision)
                self._tell_seat(target, state.holder)
                return True
            self.console.print("another promotion was faster: judged again, against its champion")

    def _state(self) -> handover.State | None:
        """Return who has the seat; None if there is no such model yet, or no version of it."""
        if not self.client.search_model_versions(f"name = '{self.seat.model}'", max_results=1):
            return None
        return handover.read(self.client, self.seat)

    def _judge(self, state: handover.State | None) -> Decision | None:
        """Return the decision; None if the candidate has the seat already."""
        champion = None
        if state is not None and state.holder is not None:
            holder = self.client.get_model_version(self.seat.model, state.holder)
            if self.standing.run_id in (holder.run_id, holder.tags.get(transfer.ORIGIN)):
                self.console.print(
                    f"it is {self.seat.alias} of {self.seat.model} already: nothing to do",
                    highlight=False,
                )
                return None
            champion = read_standing(self.tracker, holder)
        return decide(self.standing, champion, self.experiment.gate)

    def _in_model(self) -> ModelVersion:
        """Return the candidate as a version of the seat's model, copied there if it is another."""
        model = self.seat.model
        if self.tracker.uri != self.home.uri:
            return transfer.bring(self.home, self.version, self.tracker, model, self.experiment)
        if self.version.name == model:
            return self.version
        _ensure_model(self.tracker, model)
        known = self.client.search_model_versions(
            f"name = '{model}' and run_id = '{self.standing.run_id}'"
        )
        if known:
            return known[0]
        address = f"models:/{self.version.name}/{self.version.version}"
        return self.client.copy_model_version(address, model)

    def _keep(self, decision: Decision, target: ModelVersion, outcome: str) -> None:
        """Store the whole reasoning on a version and its run: at home, if it was refused."""
        against = decision.champion or "nobody"
        tags = {
            "gate": outcome,
            "gate.against": against,
            "gate.reason": decision.reason[:TAG_LENGTH],
            "gate.at": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        if decision.interval is not None:
            low, high = decision.interval
            tags |= {"test_iou_low": f"{low:.4f}", "test_iou_high": f"{high:.4f}"}
        where = self.tracker if decision.promoted else self.home
        for key, value in tags.items():
            where.client.set_model_version_tag(target.name, target.version, key, value)
        with where.files(target.run_id) as folder:
            (folder / "gate").mkdir()
            name = f"{self.seat.model}-{self.seat.alias}-against-{against}"
            telling.write(decision, folder / "gate", name)

    def _say(self, decision: Decision) -> None:
        if decision.checks:
            self.console.print(telling.printed(decision))
        for note in decision.notes:
            self.console.print(f"note: {note}", highlight=False)
        self.console.print(telling.headline(decision), highlight=False, soft_wrap=True)

    def _tell_seat(self, target: ModelVersion, before: str | None) -> None:
        told = f"{self.seat.alias} of {self.seat.model} is version {target.version} now"
        told += f"; {self.seat.previous} is version {before}" if before else ""
        self.console.print(told, highlight=False)


def _ensure_model(tracker: Tracker, name: str) -> None:
    try:
        tracker.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
