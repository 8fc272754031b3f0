"""Opening the experiment of a study, and writing it beside the study's report."""

from pathlib import Path

from faceseg.data.atomic_files import write_atomically
from pipelines import config
from pipelines.config import Experiment
from pipelines.config.included import EXPERIMENT_FILE
from pipelines.config.reading import THIS_FOLDER
from pipelines.config.registered_models import SHARED_MODEL, sets_registered_model


def open_study_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read an experiment, and keep the precision and the registered model of its study, if begun.

    Args:
        path: The experiment's file, or a name as for `find_experiment`.
        overrides: `KEY=VALUE` or `@FILE`, as for `--set`; the last one wins.

    Returns:
        The checked experiment.

    Raises:
        UserError: The experiment does not exist or is not valid.
    """
    experiment = config.load(path, overrides)
    if experiment.training.precision == "mixed":  # imports MLflow only where it may matter
        from pipelines.tracking.earlier_precision import with_earlier_precision

        experiment = with_earlier_precision(experiment)
    tracking = experiment.tracking
    if not sets_registered_model(tracking) and tracking.registered_model != SHARED_MODEL:
        from pipelines.tracking.earlier_model import with_earlier_model

        experiment = with_earlier_model(experiment)
    return experiment


HEADER = """\
# The settings of study {study}, written by it. `faceseg study` with this file resumes it.
# Its storage is the folder above, wherever that is. Relative paths start from the current folder.
"""


def written_file(experiment: Experiment) -> Path:
    """Return the file into which the experiment's study writes its settings."""
    return experiment.storage / experiment.name / EXPERIMENT_FILE


def write_experiment(experiment: Experiment) -> None:
    """Write an experiment so that its file runs the same study, also in a moved storage.

    Secrets are replaced by `***`; reading the file then raises an error that requests `--set`.
    """
    placed = experiment.model_copy(update={"storage": Path(THIS_FOLDER) / ".."})
    text = HEADER.format(study=experiment.study) + placed.as_yaml()
    write_atomically({written_file(experiment): text.encode()})
