"""What the networks of a study have used, as cells of the table and as a note."""

import math

from pipelines.compare.study_data.study_results import ComparedStudy
from pipelines.job.spent import cost_metrics, energy_source

SPENT = ("seconds", "cpu_seconds", "gpu_seconds", "kwh", "estimated_kwh", "money")


def spent_cells(study: ComparedStudy, name: str) -> dict[str, object]:
    """Return what all trials and finals of a network have used.

    Args:
        study: The study.
        name: The network.

    Returns:
        The cells `spent_…`: NaN for a model that was not trained. No cells if the study was run
        by a version that did not store them.
    """
    if not study.spent:
        return {}
    spent, prices = study.spent.get(name), study.settings.resources.prices
    used = cost_metrics(spent, prices) if spent else {}
    cells: dict[str, object] = {
        f"spent_{each}": used.get(f"cost/{each}", math.nan) for each in SPENT
    }
    return cells | {"spent_energy": energy_source(spent) if spent else ""}


def spent_notes(study: ComparedStudy) -> list[str]:
    """Return the note on what was spent; none if it is not known."""
    if not study.spent:
        return []
    return [
        "Worker time, CPU and GPU time, energy and money are those of all attempts at all trials "
        "and finals of a network, also of attempts that were killed and of finals of earlier "
        "winners. They do not contain the start of workers, waiting, ensembles, or measurements at "
        "the end of the study. The energy of a device that several workers share is split by "
        "their use; estimated energy is computed from resources.power."
    ]


def budget_sentences(study: ComparedStudy) -> list[str]:
    """Return the sentence on the budget of the search; none without one."""
    budget = study.settings.search.budget
    if budget is None:
        return []
    limits = ", ".join(f"{value:g} {key}" for key, value in budget.limits.items())
    return [
        f"The study had a budget of {limits}, divided equally among the architectures: a search "
        f"ended after {study.settings.search.trials} trials, or when the rest of its share was "
        "needed for its finals."
    ]
