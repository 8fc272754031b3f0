"""The directive `configuration-reference`: every key of an experiment's file, from its schema.

The text is generated from `pipelines.config.Experiment` at build time, so it cannot differ from
what `faceseg` accepts.
"""

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union

import annotated_types
from docutils import nodes
from docutils.statemachine import StringList
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SECTION = re.compile(r"^(?:Attributes|Example):$", re.MULTILINE)
ATTRIBUTES = re.compile(r"^Attributes:\n((?:    .*\n?|\n)+)", re.MULTILINE)
BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
WORDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Path: "path",
    type(None): "null",
}


class ConfigurationReference(SphinxDirective):
    """Write one section with a table of keys for each model that an experiment contains."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the parsed reference."""
        from pipelines.config import Experiment

        lines = list(reference(Experiment))
        self.env.note_dependency(__file__)
        return self.parse_text_to_nodes(
            StringList(lines, source="pipelines.config"), allow_section_headings=True
        )


def reference(model: type[BaseModel]) -> Iterator[str]:
    """Yield the Markdown lines of a model and of every model that its fields contain.

    A model that several keys contain has one section, which lists these keys.
    """
    places: dict[type[BaseModel], list[str]] = {}
    pending = [("", model)]
    while pending:
        place, current = pending.pop(0)
        places.setdefault(current, []).append(place)
        for name, field in current.model_fields.items():
            for inner, suffix in _models(field.annotation):
                pending.append((f"{place}.{name}{suffix}".lstrip("."), inner))
    for each, found in places.items():
        yield from _section(each, found)


def _section(model: type[BaseModel], places: list[str]) -> Iterator[str]:
    yield f"({_anchor(model)})="
    if places == [""]:
        yield "## Top level"
    else:
        yield f"## `{places[0]}`" if len(places) == 1 else f"## {model.__name__}"
        yield ""
        yield from SECTION.split(inspect.getdoc(model) or "")[0].strip().splitlines()
    if len(places) > 1:
        yield f"\nValue of {', '.join(f'`{each}`' for each in places)}."
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _values(field), _default(field), _meaning(model, name, field))
        yield "| " + " | ".join(_cell(each) for each in cells) + " |"
    yield ""


def _anchor(model: type[BaseModel]) -> str:
    return f"configuration-{model.__name__.lower()}"


def _meaning(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Return a field's description, its docstring entry, or the summary of its section."""
    described = _attributes(model).get(name)
    for inner, _ in _models(field.annotation):
        described = described or (inspect.getdoc(inner) or "").partition("\n\n")[0]
    text = field.description or described
    if not text:
        raise ValueError(f"{model.__name__}.{name} has no description for the reference")
    return text


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return the entries of the `Attributes:` section of a model and of its bases."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        section = ATTRIBUTES.search(inspect.cleandoc(each.__doc__ or ""))
        if section and issubclass(each, BaseModel) and each is not BaseModel:
            entries = re.split(r"^    (?=\w+: )", section[1], flags=re.MULTILINE)[1:]
            found |= dict(entry.split(": ", 1) for entry in entries)
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _values(field: FieldInfo) -> str:
    """Return which values a field accepts, with its bounds, in words."""
    bounds = []
    for each in field.metadata:
        for name, word in BOUNDS.items():
            if isinstance(each, getattr(annotated_types, name.capitalize())):
                bounds.append(f"{word} {getattr(each, name):g}")
        if pattern := getattr(each, "pattern", None):
            bounds.append(f"matches `{pattern}`")
    return ", ".join([_type(field.annotation), *bounds])


def _type(annotation: Any) -> str:
    """Return the type of a value in words; a section is a link."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation in WORDS:
        return WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[section](#{_anchor(annotation)})"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    kinds = [_type(each) for each in inner if each is not Ellipsis]
    if origin in (Union, types.UnionType):
        return " or ".join(kinds)
    if origin is tuple:
        return f"list of {kinds[0]}" if Ellipsis in inner else f"[{', '.join(kinds)}]"
    return f"mapping of names to {kinds[1]}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "null"
    if isinstance(value, dict) and any(isinstance(each, BaseModel) for each in value.values()):
        return f"`{', '.join(value)}`"
    plain = field.annotation if isinstance(value, Path) else None
    return f"`{value if plain else json.dumps(value, default=str)}`"


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models within an annotation and the suffix of their place in the file."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    for each in inner:
        for model, suffix in _models(each):
            extra = {dict: ".NAME", tuple: "[]"}.get(origin, "")
            yield model, f"{extra}{suffix}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("configuration-reference", ConfigurationReference)
    return {"parallel_read_safe": True}
