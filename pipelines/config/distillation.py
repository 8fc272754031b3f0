"""The key `distil`: a network that is trained once more, taught by others."""

from collections.abc import Collection, Sequence

from pydantic import Field

from pipelines.config.names import (
    ENSEMBLE,
    check_judged_name,
    ensemble_members_of,
    is_ensemble,
    is_judged,
    shown,
)
from pipelines.config.section import Section

_SUFFIX = "-distilled"


class Distil(Section):
    """A student, trained at its search's best settings with a teacher's probabilities.

    Its finals are a row of their own, `STUDENT-distilled`, beside the student's: both have the same
    seeds and number of steps. Final n is taught by final n of the teacher, or by a judged network.

    Attributes:
        student: An architecture or a variant.
        teacher: An architecture, a variant, or an ensemble: `ensemble` (of all architectures) or
            the name of a subset, such as `ensemble.unet.segnet`; or a network of another program
            that `faceseg judge` tested on the experiment's images, such as `bisenet.judged`.
    """

    student: str
    teacher: str
    weight: float = Field(
        0.3, gt=0, le=1000, description="of the teacher's term, beside those of the labels"
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=100,
        description="divides both networks' logits; above 1: softer probabilities",
    )

    @property
    def name(self) -> str:
        """The name in runs and tables of the taught network."""
        return f"{self.student}{_SUFFIX}"

    @property
    def is_judged(self) -> bool:
        """Whether the teacher is a network of another program, which `faceseg judge` tested."""
        return is_judged(self.teacher) and not is_ensemble(self.teacher)


def teacher_members(
    distil: Distil, architectures: Sequence[str], networks: Collection[str]
) -> tuple[str, ...]:
    """Return the experiment's networks that teach, in its order; none for a judged network.

    Args:
        distil: The section.
        architectures: The experiment's architectures.
        networks: Its architectures and variants.

    Raises:
        ValueError: The student or a teacher is unknown, or another network has the name of the
            taught one.
    """
    known = f"this experiment's networks are {', '.join(networks)}"
    if distil.student not in networks:
        raise ValueError(f"distil.student: unknown network {shown(distil.student)!r}; {known}")
    if distil.name in networks:
        raise ValueError(f"variants.{distil.name}: the taught network has this name; rename it")
    if distil.is_judged:
        check_judged_name(distil.teacher)
        return ()
    if distil.teacher == ENSEMBLE:
        return tuple(architectures)
    given = [distil.teacher]
    if is_ensemble(distil.teacher):
        given = ensemble_members_of(distil.teacher)
    if unknown := [shown(name) for name in given if name not in networks]:
        raise ValueError(
            f"distil.teacher: unknown network {', '.join(map(repr, unknown))}; {known}, and "
            f"{ENSEMBLE!r} is that of all architectures. A network of another program that "
            "`faceseg judge` tested has the name NAME.judged"
        )
    return tuple(name for name in networks if name in given)
