"""Translate a format's own classes into those of a class set.

Shapes: H rows, W columns.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from faceseg.data.classes import IGNORE, ClassSet
from faceseg.errors import UserError, check_choice

IGNORED = "ignore"  # the name of pixels that are neither trained on nor scored


class Conditional(BaseModel):
    """A class whose meaning depends on the other classes of the same image.

    Attributes:
        to: The class that it becomes in an image in which one of `where` occurs.
        where: Native classes.
        otherwise: The class that it becomes in the other images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    where: tuple[str, ...] = Field(min_length=1)
    otherwise: str


def _branch(value: Any) -> str:
    return "[conditional]" if isinstance(value, dict | Conditional) else "[name]"


# The tags choose the branch whose errors are shown. Like pydantic's own names of branches they
# contain a bracket, by which messages leave them out.
Target = Annotated[
    Annotated[str, Tag("[name]")] | Annotated[Conditional, Tag("[conditional]")],
    Discriminator(_branch),
]
Rules = Mapping[str, Target]  # from the name of a native class


class ClassMapping:
    """A translation of label maps from the classes of a format to a class set.

    Attributes:
        native: The names of the native classes in the order of their ids.
        classes: The class set.
        rules: What each native class becomes.
    """

    def __init__(self, native: Sequence[str], classes: ClassSet, rules: Rules) -> None:
        """Check the rules.

        Args:
            native: The names of the native classes.
            classes: The class set.
            rules: What native classes become: a name of `classes`, 'ignore' (the id 255), or a
                `Conditional`. A class without a rule becomes the class of the same name, and the
                first native class the first of `classes`.

        Raises:
            UserError: A rule contains an unknown class, or native classes have no counterpart.
        """
        self.native, self.classes = tuple(native), classes
        given = {**_same_names(self.native, classes), **rules}
        for name, rule in rules.items():
            self._check(name, rule)
        if missing := [name for name in self.native if name not in given]:
            raise UserError(
                f"no class of {', '.join(classes.names)} is given for {', '.join(missing)}; add a "
                "line for each to `map` in the file of --classes (or data.mapping), for instance "
                f"`{missing[0]}: {classes.names[0]}`, or `{missing[0]}: {IGNORED}` for pixels that "
                "are neither trained on nor scored"
            )
        self.rules = {name: given[name] for name in self.native}
        self._table = np.full(256, IGNORE, dtype=np.uint8)
        self._conditional: dict[int, Conditional] = {}
        for number, rule in enumerate(self.rules.values()):
            if isinstance(rule, Conditional):
                self._conditional[number] = rule
            else:
                self._table[number] = self._id(rule)

    def apply(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Translate labels (H, W) of native ids, or 255, into ids of the class set, or 255."""
        if not self._conditional:
            return self._table[labels]
        present = np.bincount(labels.ravel(), minlength=256) > 0
        table = self._table.copy()
        for number, rule in self._conditional.items():
            seen = any(present[self.native.index(name)] for name in rule.where)
            table[number] = self._id(rule.to if seen else rule.otherwise)
        return table[labels]

    def _id(self, name: str) -> int:
        return IGNORE if name == IGNORED else self.classes.names.index(name)

    def _check(self, name: str, rule: Target) -> None:
        """Raise UserError if a rule contains a class that does not exist."""
        check_choice("class in these annotations named", name, self.native)
        if isinstance(rule, str):
            targets: tuple[str, ...] = (rule,)
        else:
            targets = (rule.to, rule.otherwise)
            for each in rule.where:
                check_choice("class in these annotations named", each, self.native)
        for each in targets:
            check_choice("class in the class set named", each, (*self.classes.names, IGNORED))


def _same_names(native: Sequence[str], classes: ClassSet) -> dict[str, Target]:
    """Return the rules that need no mention: the background, and classes of equal names."""
    same: dict[str, Target] = {name: name for name in native if name in classes.names}
    return {native[0]: classes.names[0], **same}
