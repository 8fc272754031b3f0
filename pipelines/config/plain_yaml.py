"""YAML without tags that create objects, and without a key that is given twice.

PyYAML keeps the last of two equal keys and drops the other section without a message.
"""

from collections.abc import Hashable
from typing import Any

import yaml

MERGE_KEYS = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")  # `<<` and `=`


class RepeatedKeyError(yaml.YAMLError):
    """A mapping contains a key twice. The message contains the key and both lines."""


class PlainLoader(yaml.SafeLoader):
    """Loads plain values, and refuses a mapping that contains a key twice, at any depth."""

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


def load_yaml(text: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        yaml.YAMLError: It is not plain YAML, or (RepeatedKeyError) contains a key twice.
    """
    return yaml.load(text, PlainLoader)  # noqa: S506  # it is a SafeLoader
