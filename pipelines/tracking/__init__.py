"""MLflow: a client by ids, an outbox on disk for what runs say, and a sender between the two."""

from pipelines.tracking.outbox import Outbox
from pipelines.tracking.sender import DeliveryStatus, Sender
from pipelines.tracking.tracker import RunIdentity, Status, Tracker

__all__ = ["DeliveryStatus", "Outbox", "RunIdentity", "Sender", "Status", "Tracker"]
