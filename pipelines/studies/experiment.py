"""Opening an experiment whose study is run or read, from the command line or from Python."""

from pathlib import Path

from pipelines import config
from pipelines.config import Experiment
from pipelines.config.registered_models import SHARED_MODEL


def open_study_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read an experiment, and keep the precision and the registered model of its study, if begun.

    Args:
        path: The experiment's file, or the name of an included experiment.
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
    if experiment.tracking.registered_model != SHARED_MODEL:
        from pipelines.tracking.earlier_model import with_earlier_model

        experiment = with_earlier_model(experiment)
    return experiment
