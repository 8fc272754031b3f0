"""Find the finals of other networks in MLflow: members of an ensemble, or teachers of a student.

They are complete in Optuna, but their records may still be on the way to MLflow.
"""

import time

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from faceseg.errors import UserError, first_line
from pipelines.job.context import StudyContext
from pipelines.job.job import EnsembleMember

POLL_INTERVAL = 2.0  # seconds between two searches for members that have not reached MLflow
MEMBER_TIMEOUT = 600.0  # seconds that a task waits for its members


def complete_run(context: StudyContext, member: EnsembleMember, number: int) -> Run | None:
    """Return the run of a final that is complete in MLflow; None if there is none yet."""
    found = context.tracker.find_runs(
        context.experiment_id,
        study=context.experiment.study,
        kind="final",
        architecture=member.architecture,
        winner=member.winner,
        trial=str(number),
    )
    finished = [run for run in found if run.info.status == "FINISHED"]
    if not finished or finished[0].data.tags.get("faceseg.state") != "complete":
        return None
    return finished[0]


def wait_for_run(context: StudyContext, member: EnsembleMember, number: int) -> Run:
    """Return a member's run once it is complete in MLflow.

    Raises:
        UserError: It is not complete within `MEMBER_TIMEOUT`.
    """
    until = time.monotonic() + MEMBER_TIMEOUT
    reason = "the run does not exist, or is incomplete"
    while time.monotonic() < until:
        try:
            context.tracker.probe()
            if run := complete_run(context, member, number):
                return run
        except (MlflowException, OSError) as error:
            reason = first_line(error)
        time.sleep(POLL_INTERVAL)
    raise UserError(
        f"final {number} of {member.architecture} could not be read from MLflow for "
        f"{MEMBER_TIMEOUT:g} s: {reason}"
    )
