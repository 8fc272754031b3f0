"""Which runs contain the networks of a final: its own, or its members' if it is a mean of others.

Final n of an ensemble has the parameters `members.NETWORK`, the run of final n of each network. A
network's mean with its mirror image has one.
"""

from collections.abc import Sequence
from pathlib import Path

from mlflow.entities import Run

from pipelines.config.names import is_mirrored
from pipelines.tracking.tracker import Tracker

BEST = "checkpoints/best.keras"  # a run's artifact
MEMBER_PARAM = "members."  # and a network: the run of a member


def networks_of(run: Run) -> list[str]:
    """Return the ids of the runs that contain a final's networks: its own, or its members'."""
    members = [value for key, value in run.data.params.items() if key.startswith(MEMBER_PARAM)]
    return members or [run.info.run_id]


def views_of(run: Run) -> int:
    """Return on how many views of an image a final runs: 2 for a mean with the mirror image."""
    return 2 if is_mirrored(run.data.tags.get("faceseg.architecture", "")) else 1


def fetch_networks(tracker: Tracker, networks: Sequence[str], folder: Path) -> list[Path]:
    """Download the networks of runs into a folder; return their files in the same order."""
    files = []
    for network in networks:
        own = folder / network
        own.mkdir()
        files.append(tracker.fetch(network, BEST, own))
    return files
