"""YAML without tags that create objects, without a key that is given twice, and within bounds.

PyYAML keeps the last of two equal keys and drops the other section without a message. It also
reads text of any size and depth, and a few lines of nested aliases can expand to billions of
values. No real experiment is near the bounds: the largest here has 2 kB, 100 values and 5 levels.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from faceseg.data.file_reading import FileTooLargeError, read_at_most
from faceseg.errors import UserError

MERGE_KEYS = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")  # `<<` and `=`
MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # an alias counts as all values that it stands for
MAX_DEPTH = 50
MAX_DIGITS = 40  # characters of a whole number


class RepeatedKeyError(yaml.YAMLError):
    """A mapping contains a key twice. The message contains the key and both lines."""


class BoundError(yaml.YAMLError):
    """A document exceeds a bound. The message contains the bound and the line."""


class PlainLoader(yaml.SafeLoader):
    """Loads plain values, and refuses a repeated key at any depth and a document out of bounds."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._values = 0
        self._values_of: dict[int, int] = {}  # by the identity of an anchored node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; count its values, and those that an alias repeats."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types for it
        line = event.start_mark.line + 1
        before = self._values
        self._depth += 1
        self._values += 1
        if self._depth > MAX_DEPTH:
            raise BoundError(f"line {line}: values are nested more than {MAX_DEPTH} deep")
        node: yaml.Node | None = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._values_of:
                raise BoundError(f"line {line}: the value {event.anchor!r} contains itself")
            self._values += self._values_of[id(node)]
        elif event.anchor is not None:
            self._values_of[id(node)] = self._values - before
        if self._values > MAX_VALUES:
            raise BoundError(
                f"line {line}: it contains more than {MAX_VALUES:,} values, counting an alias as "
                "all values that it stands for"
            )
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping; keys that come from a merge (`<<`) are not among its own."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            value = key.value if key.tag in MERGE_KEYS else self.construct_object(key)
            if not isinstance(value, Hashable):
                continue  # `!!map x: 1`, which PyYAML refuses when it makes the mapping
            line = key.start_mark.line + 1
            if value in lines:
                raise RepeatedKeyError(
                    f"the key {key.value!r} is given twice, in line {lines[value]} and in line "
                    f"{line}; only one of the two could have an effect: join or rename them"
                )
            lines[value] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; raise YAMLError where PyYAML raises the error of Python's parser."""
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        line, kind = node.start_mark.line + 1, node.tag.rpartition(":")[2]
        if "\0" in node.value:
            raise BoundError(f"line {line}: {node.value[:80]!r} contains a zero byte")
        if kind == "int" and len(node.value) > MAX_DIGITS:
            raise BoundError(
                f"line {line}: a whole number of {len(node.value):,} characters; expected at most "
                f"{MAX_DIGITS}"
            )
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            raise BoundError(f"line {line}: {node.value[:80]!r} is not a valid {kind}") from error


def load_yaml(text: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        yaml.YAMLError: It is not plain YAML, contains a key twice (RepeatedKeyError), or exceeds
            a bound (BoundError).
    """
    return yaml.load(text, PlainLoader)  # noqa: S506  # it is a SafeLoader


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        OSError: The file cannot be read.
        UnicodeDecodeError: It is not UTF-8.
        UserError: It is larger than `MAX_BYTES`.
        yaml.YAMLError: As in `load_yaml`.
    """
    return load_yaml(read_yaml_text(path))


def read_yaml_text(path: Path) -> str:
    """Return the text of a YAML file; errors as in `read_yaml`."""
    try:
        return read_at_most(path, MAX_BYTES).decode()
    except FileTooLargeError as error:
        raise UserError(
            f"{path} is larger than {MAX_BYTES / 1e6:.1f} MB; an experiment or a file of settings "
            "has a few kilobytes: is it another file?"
        ) from error
