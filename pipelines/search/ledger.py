"""What each network of a study has used so far, over all of its attempts, sessions and winners."""

import time
from collections.abc import Mapping

from optuna.trial import FrozenTrial

from pipelines.config import Experiment
from pipelines.job.spent import Spent, total
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.leases import Lease
from pipelines.search.spending import (
    HEARTBEAT_INTERVAL,
    closed_finals,
    store_heartbeat,
    use_of_trial,
)
from pipelines.search.trials import job_number

Readings = Mapping[str, Spent]  # what each worker has last measured of its job


class Ledger:
    """Adds up what the jobs of a study's searches have used, and stores heartbeats.

    Args:
        experiment: The study's experiment.
        searches: The searches of its networks, by name.
        readings: What workers have last measured; the caller keeps it up to date.
    """

    def __init__(
        self,
        experiment: Experiment,
        searches: Mapping[str, ArchitectureSearch],
        readings: Readings,
    ) -> None:
        self._resources = experiment.resources
        self._searches = searches
        self._readings = readings
        self._closed: dict[tuple[str, str], Spent] = {}  # by the network and its open finals
        self._next_beat = 0.0

    def heartbeat(self) -> None:
        """Store that the workers hold their jobs now, at most every `HEARTBEAT_INTERVAL`."""
        if time.monotonic() < self._next_beat:
            return
        for search in self._searches.values():
            for store in search.open_stores().values():
                leases = {job_number(trial): Lease.of(trial) for trial in store.running()}
                held = {
                    number: self._readings.get(lease.worker)
                    for number, lease in leases.items()
                    if lease.is_held_in(search.session)
                }
                if held:
                    store_heartbeat(store, search.session, held)
        self._next_beat = time.monotonic() + HEARTBEAT_INTERVAL

    def spent(self, name: str) -> Spent:
        """Return what the jobs of a network have used."""
        search = self._searches[name]
        stores = search.open_stores()
        open_finals = stores["final"].study.study_name if "final" in stores else ""
        if (name, open_finals) not in self._closed:
            self._closed[name, open_finals] = closed_finals(
                search.trials.study._storage,
                f"{search.prefix}finals-",
                open_finals,
                search.session,
                self._resources,
            )
        used = total(
            self.spent_on(name, trial) for store in stores.values() for trial in store.all()
        )
        return used + self._closed[name, open_finals]

    def spent_on(self, name: str, trial: FrozenTrial) -> Spent:
        """Return what one trial or final of a network has used."""
        reading = self._readings.get(Lease.of(trial).worker)
        return use_of_trial(trial, self._searches[name].session, self._resources, reading)
