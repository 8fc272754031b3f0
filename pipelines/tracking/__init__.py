"""MLflow: a client that works by ids, an outbox on disk, a sender between them, system metrics.

Not here: what is logged (job, execution), and the rules of the model registry (registry).
"""

from pipelines.tracking.outbox import Outbox
from pipelines.tracking.sender import DeliveryStatus, Sender
from pipelines.tracking.tracker import RunIdentity, Status, Tracker

__all__ = ["DeliveryStatus", "Outbox", "RunIdentity", "Sender", "Status", "Tracker"]
