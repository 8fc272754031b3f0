"""The key `search.goals`: the logged values that a search improves, and bounds on them."""

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.config.names import shown

Direction = Literal["maximize", "minimize"]
GOAL_PREFIX = "goal/"  # of the metrics with which a trial's run has the values of its goals
SCORE = "val/iou"  # the value that a trial reports after each epoch
# Values with a direction of their own. Others need `maximize` or `minimize` before their name.
COSTS = ("model/macs", "model/parameters")  # known once the network is built
SCORES = ("iou", "dice", "precision", "recall", "iou_small", "iou_with_background")
BY_CLASS = ("iou", "dice", "precision", "recall")
OTHER_VALUES = (
    *("train/loss", "val/loss", "images_per_second"),
    *("seconds/training", "best/epoch", "epochs"),
)
# Values that no trial has, by the beginning of their names, and why.
OF_FINALS = {
    "latency/": "the latency is measured on finals, because trials run beside each other; "
    "model/macs is known for every trial",
    "memory/": "the memory is measured on finals; model/parameters is known for every trial",
    "test/": "the search never uses the test images; val/iou is the score of a trial",
    "corruption/": "trials are evaluated under occlusion only",
    "geometry/": "trials are evaluated under occlusion only",
}
UNDEFINED_COST = 1e30  # stands for an undefined value that is to be small: Optuna accepts no NaN
FORM = "expected NAME, maximize NAME, minimize NAME, NAME <= NUMBER or NAME >= NUMBER"
_GOAL = re.compile(r"(?:(maximize|minimize) +)?(.+?)(?: *(<=|>=) *(\S+))?")


@dataclass(frozen=True)
class Goal:
    """A logged value and its direction; with a bound, all that is required is to keep to it."""

    name: str
    direction: Direction
    bound: float | None = None

    def loss(self, value: float) -> float:
        """Return a number that is smaller for a better value; an undefined score counts as 0."""
        if math.isnan(value):
            return 0.0 if self.direction == "maximize" else UNDEFINED_COST
        return -value if self.direction == "maximize" else value

    def violation(self, value: float) -> float:
        """Return how far a value is beyond the bound, relative to the bound; 0 within it."""
        if self.bound is None:
            return 0.0
        sign = 1 if self.direction == "minimize" else -1
        beyond = sign * (value - self.bound) / (abs(self.bound) or 1.0)
        return UNDEFINED_COST if math.isnan(beyond) else max(0.0, beyond)

    def __str__(self) -> str:
        """Return the goal as an experiment contains it."""
        if self.bound is None:
            return f"{self.direction} {self.name}"
        return f"{self.name} {'<=' if self.direction == 'minimize' else '>='} {self.bound:g}"


@dataclass(frozen=True)
class Goals:
    """The goals of a search.

    Attributes:
        objectives: The values to improve, `val/iou` first.
        bounds: The values that only have to keep to a bound.
    """

    objectives: tuple[Goal, ...]
    bounds: tuple[Goal, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all values."""
        return tuple(each.name for each in (*self.objectives, *self.bounds))

    def losses(self, values: Mapping[str, float]) -> list[float]:
        """Return the loss of each objective."""
        return [each.loss(values.get(each.name, math.nan)) for each in self.objectives]

    def violations(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return how far each bounded value is beyond its bound, of those that are known."""
        return {
            str(each): each.violation(values[each.name])
            for each in self.bounds
            if each.name in values
        }

    def are_kept(self, values: Mapping[str, float]) -> bool:
        """Return whether no known value is beyond its bound."""
        return not any(self.violations(values).values())


def parse_goals(texts: Sequence[str]) -> Goals | None:
    """Return the goals of an experiment; None without any.

    Args:
        texts: Each is a value's name, which may follow `maximize` or `minimize`, or a name and a
            bound, such as `model/macs <= 1e9`.

    Raises:
        ValueError: A text is no goal, a value is there twice, or `val/iou` is not a goal.
    """
    if not texts:
        return None
    found = [_parse(text) for text in texts]
    names = [goal.name for goal in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"search.goals: {', '.join(twice)} is there twice")
    objectives = [goal for goal in found if goal.bound is None]
    if Goal(SCORE, "maximize") not in objectives:
        raise ValueError(
            f"search.goals: {SCORE} must be a goal without a bound, because trials report it after "
            "each epoch; add it to the list"
        )
    objectives.sort(key=lambda goal: goal.name != SCORE)
    return Goals(tuple(objectives), tuple(goal for goal in found if goal.bound is not None))


def check_logged(goals: Goals, classes: Collection[str], kinds: Collection[str]) -> None:
    """Check that every trial logs the values.

    Args:
        goals: The goals.
        classes: The names of the classes.
        kinds: The kinds of occlusion that trials are evaluated under.

    Raises:
        ValueError: A value is logged by no trial, or by finals only.
    """
    logged = {
        *COSTS,
        *OTHER_VALUES,
        *(f"val/{score}" for score in SCORES),
        *(f"val/{score}/{name}" for score in BY_CLASS for name in classes),
        *(("occlusion/retention", "occlusion/mean_iou") if kinds else ()),
        *(f"occlusion/{kind}/retention" for kind in kinds),
    }
    for name in goals.names:
        if name in logged:
            continue
        if set(name) & set("<>="):
            raise ValueError(f"search.goals: {shown(name)!r} is no goal; {FORM}")
        for beginning, reason in OF_FINALS.items():
            if name.startswith(beginning):
                raise ValueError(f"search.goals: {shown(name)} cannot be a goal: {reason}")
        near = difflib.get_close_matches(name, sorted(logged), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see search.goals in the documentation"
        raise ValueError(f"search.goals: no trial logs {shown(name)!r}; {hint}")


def _parse(text: str) -> Goal:
    match = _GOAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"search.goals: {shown(text)!r} is no goal; {FORM}")
    direction, name, comparison, number = match.groups()
    if comparison is None:
        return Goal(name, _direction(name, direction))
    if direction is not None:
        raise ValueError(
            f"search.goals: {shown(text)!r} has a direction and a bound; a bound replaces the "
            "direction"
        )
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ValueError(f"search.goals: {shown(text)!r} has no number after {comparison}; {FORM}")
    return Goal(name, "minimize" if comparison == "<=" else "maximize", bound)


def _direction(name: str, given: str | None) -> Direction:
    if name.startswith(("latency/", "memory/", "model/")):
        known: Direction | None = "minimize"
    elif name.startswith(("val/", "occlusion/", "test/")) and name != "val/loss":
        known = "maximize"
    else:
        known = None
    if given is None and known is None:
        raise ValueError(
            f"search.goals: {shown(name)!r} has no direction of its own; write `maximize "
            f"{shown(name)}` or `minimize {shown(name)}`"
        )
    if known is not None and given not in (None, known):
        raise ValueError(f"search.goals: {shown(name)} is to {known}, not to {given}")
    return "maximize" if (given or known) == "maximize" else "minimize"
