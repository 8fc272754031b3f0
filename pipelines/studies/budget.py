"""How much work an experiment requires of a study, and whether a study has done it."""

import re

from mlflow.entities import Run

from pipelines.config import Experiment
from pipelines.config.costs import budget_terms
from pipelines.job.context import StudyContext
from pipelines.job.job import EnsembleMember
from pipelines.studies.failed_finals import failed_finals

_COST = "cost "  # begins the part that `search.budget` adds


def work_of_each(experiment: Experiment) -> str:
    """Return the number of trials and finals of each architecture, as in '4 trials and 1 final'."""
    trials, finals = experiment.search.trials, experiment.finals.seeds
    most = "up to " if experiment.search.budget else ""
    return f"{most}{trials} trial{'s' * (trials > 1)} and {finals} final{'s' * (finals > 1)}"


def budget(experiment: Experiment, judged: EnsembleMember | None = None) -> str:
    """Return the study's budget as stored in the tag `faceseg.done` of a finished study.

    Args:
        experiment: The experiment.
        judged: The judged network that teaches, if there is one.
    """
    additions = [*experiment.ensembles, *(["mirrored"] if experiment.finals.mirrored else [])]
    if (distil := experiment.distil) is not None:
        part = f"{distil.weight!r} {distil.temperature!r}"
        teacher = f"{distil.teacher} {judged.winner}" if judged else distil.teacher
        additions.append(f"{distil.name} {teacher} {part}")
    if (limits := experiment.search.budget) is not None:
        terms = budget_terms(limits, experiment.resources.prices)
        additions.append(_COST + " ".join(f"{key} {value!r}" for key, value in terms.items()))
    trials, finals = experiment.search.trials, experiment.finals.seeds
    return ", ".join([f"{trials} trials", f"{finals} finals", *additions])


def _has_spent(spent: str, wanted: str) -> bool:
    """Return whether a budget is at least another one; both are texts of `budget`, or others."""
    form = re.compile(r"(\d+) trials, (\d+) finals((?:, .+)?)")
    had, needs = form.fullmatch(spent), form.fullmatch(wanted)
    if had is None or needs is None:
        return False
    enough = all(int(had[part]) >= int(needs[part]) for part in (1, 2))
    found, wanted_too = ({"", *each[3].split(", ")} for each in (had, needs))
    limits = {each for each in found if each.startswith(_COST)}  # may have ended a search early
    needed = {each for each in wanted_too if not each.startswith(_COST)}
    return enough and needed <= found and limits <= wanted_too


def is_finished(context: StudyContext, run: Run) -> bool:
    """Return whether the study has used up the experiment's present budget and no final failed.

    A study that has used a larger budget is finished too.

    Args:
        context: The study.
        run: Its run as MLflow has it.
    """
    wanted = budget(context.experiment, context.judged_teacher)
    done = _has_spent(run.data.tags.get("faceseg.done", ""), wanted)
    return done and not failed_finals(context, run)
