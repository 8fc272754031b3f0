"""The experiment: its YAML schema, files and overrides, the search space, and secrets.

Not here: how anything is run. An experiment is checked whole before anything starts.
"""

from pipelines.config.data_section import Data
from pipelines.config.reading import load
from pipelines.config.schema import Experiment
from pipelines.config.sections import Resources

__all__ = ["Data", "Experiment", "Resources", "load"]
