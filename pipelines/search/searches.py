"""Open the searches of a study: of its architectures, their variants, and the taught network."""

import optuna

from pipelines.config import Experiment
from pipelines.job.job import EnsembleMember
from pipelines.search.architecture_search import ArchitectureSearch


def open_searches(
    experiment: Experiment,
    storage: optuna.storages.BaseStorage,
    session: str,
    judged: EnsembleMember | None = None,
) -> dict[str, ArchitectureSearch]:
    """Return the search of each network, by its name.

    Args:
        experiment: The study's experiment.
        storage: Optuna's database.
        session: Prefix of the names of the workers that may hold jobs now.
        judged: The judged network that teaches, if the experiment names one.
    """
    searches: dict[str, ArchitectureSearch] = {}
    for name in (*experiment.architectures, *experiment.variants):
        variant = experiment.variants.get(name)
        base = searches[variant.of] if variant else None
        searches[name] = ArchitectureSearch(experiment, name, storage, session, base=base)
    for name, members in experiment.teachers.items():
        student = searches[experiment.distil.student] if experiment.distil else None
        if not members and judged is None:
            raise ValueError(f"{name} is taught by a judged network, which was not given")
        searches[name] = ArchitectureSearch(
            experiment,
            name,
            storage,
            session,
            base=student,
            teachers=[searches[member] for member in members],
            judged=None if members else judged,
        )
    return searches
