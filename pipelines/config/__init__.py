"""The experiment: one YAML file, checked whole before anything starts."""

from pipelines.config.reading import load
from pipelines.config.schema import Experiment
from pipelines.config.sections import Data, Resources

__all__ = ["Data", "Experiment", "Resources", "load"]
