"""The trials of every study in a storage, read from Optuna's database without changing it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial

from pipelines.config import Experiment
from pipelines.config.database_errors import sqlite_file
from pipelines.config.database_servers import check_server
from pipelines.search.database import open_storage
from pipelines.search.trials import last_of_each_job

# The names that `ArchitectureSearch` gives; other programs may use the database too.
OWN_NAME = re.compile(r"([^/]+)/([^/]+)/(?:search|finals-([^/]+))")


@dataclass(kw_only=True)
class NetworkTrials:
    """The trials of one network's search, and its finals by the digest of their settings.

    The last digest is that of the present winner. `attributes` are those of the search.
    """

    search: list[FrozenTrial] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    finals: dict[str, list[FrozenTrial]] = field(default_factory=dict)

    @property
    def present_finals(self) -> list[FrozenTrial]:
        """The finals of the present winner."""
        return self.finals[next(reversed(self.finals))] if self.finals else []


StudyTrials = Mapping[str, NetworkTrials]  # by network


def read_trials(experiment: Experiment) -> dict[str, StudyTrials]:
    """Return the trials of all studies in the experiment's database, by study and network.

    Raises:
        UserError: The database is damaged, does not respond, or cannot be used with this Optuna.
    """
    file = sqlite_file(experiment.search_database)
    if file is not None and not file.exists():  # Optuna would create it
        return {}
    check_server(experiment.search_database, "Optuna")
    database = open_storage(experiment.search_database)
    found: dict[str, dict[str, NetworkTrials]] = {}
    try:
        for study in sorted(database.get_all_studies(), key=lambda each: each._study_id):
            own = OWN_NAME.fullmatch(study.study_name)
            if own is None:
                continue
            name, network, winner = own.groups()
            last = last_of_each_job(database.get_all_trials(study._study_id, deepcopy=False))
            of_network = found.setdefault(name, {}).setdefault(network, NetworkTrials())
            if winner is None:
                of_network.search = last
                of_network.attributes = study.user_attrs
            else:
                of_network.finals[winner] = last
    finally:
        database.engine.dispose()
    return dict(found)
