"""MLflow: a client by ids, an outbox on disk for what runs say, and a sender between the two."""

from pipelines.tracking.outbox import Outbox
from pipelines.tracking.sender import Sender, Waiting
from pipelines.tracking.tracker import RunInfo, Status, Tracker

__all__ = ["Outbox", "RunInfo", "Sender", "Status", "Tracker", "Waiting"]
