"""Values and names that people should not give, and where to put them in an experiment."""

from typing import Any

from pydantic import BaseModel

from faceseg.data.classes import LAPA

LONG = "a" * 300
HOSTILE_NAMES = (
    *("", ".", "..", "../up", "/abs", "a/b", "a\\b", "con", "NUL.txt", "mlflow.db", "packs", LONG),
    *(
        "segnet (wide)",
        "a:b",
        "it's",
        'say "x"',
        "a%b",
        "-a",
        " a",
        "a ",
        "a\nb",
        "a\0b",
        "💥",
        "é́",
    ),
    *("<b>", "${HOME}", "=1+1", "unet", "ensemble", "Default", "latest", "v1", "no", "1", "null"),
)
HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**30, float("nan"), float("inf"), -float("inf"), 1e308, "many"),
    *([], [1, 2, 3], {}, {"a": 1}, "../up", LONG, ["blob", "blob"], [{}], "2026-01-01"),
)

NAMED_PLACES = (
    *("name", "variants", "architectures", "class", "data.labels", "tracking.registered_model"),
    *("kind", "claim", "corruption_reference", "key"),
)


def leaves(model: type[BaseModel], path: str = "") -> list[str]:
    """Return the dotted keys of all values of a model and of its sections."""
    found = []
    for name, field in model.model_fields.items():
        place = f"{path}.{name}".lstrip(".")
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, place)
        found.append(place)
    return found


def with_value(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of the content with another value of one key."""
    first, _, rest = path.partition(".")
    below = content.get(first)
    inner = with_value(below if isinstance(below, dict) else {}, rest, value) if rest else value
    return {**content, first: inner}


def renamed(content: dict[str, Any], place: str, name: str) -> dict[str, Any]:
    """Return a copy of the content in which something has a hostile name."""
    first = next(iter(content["architectures"]))
    if place == "variants":
        return {**content, "variants": {name: {"of": first}}}
    if place == "architectures":
        return {**content, "architectures": {name: {}}}
    if place == "class":
        return with_value(content, "data.classes", class_set({3: name}))
    if place == "kind":
        return with_value(content, "robustness.kinds", [name])
    if place == "claim":
        claim = {"text": name, "measure": "iou", "who": name, "direction": "higher"}
        return {**content, "claims": [claim]}
    return {**content, name: 1} if place == "key" else with_value(content, place, name)


def class_set(changed: dict[int, str]) -> dict[str, Any]:
    """Return LaPa's class set with other names; drawn faces have its ids."""
    names = [changed.get(index, name) for index, name in enumerate(LAPA.names)]
    return {**LAPA.model_dump(mode="json"), "names": names}
