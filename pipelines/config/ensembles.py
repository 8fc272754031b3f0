"""The key `ensemble`: which networks' mean probabilities are tested, and under which names."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from pipelines.config.names import ENSEMBLE, ensemble_name, shown

MAX_NAME_LENGTH = 200  # of a row: the names of its members, in MLflow's tags and in folders
FORM = "expected true, false, or lists of networks, such as [[unet, segnet]]"


def _check_form(value: Any) -> Any:
    """Return a value of the key; raise one error for both of its forms."""
    if not isinstance(value, list | tuple):
        try:
            return TypeAdapter(bool).validate_python(value)
        except ValidationError as error:
            raise ValueError(FORM) from error
    for subset in value:
        lists = isinstance(subset, list | tuple)
        if not lists or not all(isinstance(name, str) for name in subset):
            raise ValueError(FORM)
    return value


Ensembles = Annotated[bool | tuple[tuple[str, ...], ...], BeforeValidator(_check_form)]


def ensemble_members(
    ensembles: Ensembles, architectures: Sequence[str], networks: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the members of each ensemble of an experiment, by its name in runs and tables.

    That of all architectures has the name `ensemble`, however it is given.

    Args:
        ensembles: The value of the key.
        architectures: The experiment's architectures.
        networks: All networks that can be members; members are returned in this order.

    Raises:
        ValueError: A subset contains an unknown network or fewer than two networks, is given
            twice, or its name would be too long.
    """
    if isinstance(ensembles, bool):
        return {ENSEMBLE: tuple(architectures)} if ensembles else {}
    found: dict[str, tuple[str, ...]] = {}
    for subset in ensembles:
        name, members = _subset(subset, architectures, networks)
        if name in found:
            raise ValueError(f"ensemble: [{', '.join(members)}] is given twice; remove one")
        found[name] = members
    return found


def _subset(
    subset: Sequence[str], architectures: Sequence[str], networks: Collection[str]
) -> tuple[str, tuple[str, ...]]:
    given = f"ensemble: [{', '.join(map(shown, subset))}]"
    if unknown := [shown(name) for name in subset if name not in networks]:
        raise ValueError(
            f"{given}: {', '.join(unknown)} is not among this experiment's networks: "
            f"{', '.join(networks)}"
        )
    members = tuple(name for name in networks if name in subset)
    if len(members) < len(subset) or len(members) < 2:
        raise ValueError(f"{given}: expected at least two networks, each once")
    name = ENSEMBLE if members == tuple(architectures) else ensemble_name(members)
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f"{given}: the row's name would have {len(name)} characters, and at most "
            f"{MAX_NAME_LENGTH} are possible; shorten the variants' names"
        )
    return name, members
