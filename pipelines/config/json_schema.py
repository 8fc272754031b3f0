"""The JSON Schema of an experiment's file, for editors: completion and errors while typing.

An editor checks one file, without its `base:` and without `--set`, which may contain any value that
the file lacks. So the schema requires no key; it only checks the keys that the file contains.
"""

import json
from typing import Any

from pipelines.config.schema import Experiment

SCHEMA_FILE = "experiment.schema.json"
# The first line of an experiment's file. A YAML comment: it is no part of the experiment.
EDITOR_LINE = "# yaml-language-server: $schema={path}"
BASE = {
    "type": "string",
    "description": "the file, or the name of an included experiment, that this one is derived from",
}
VARIABLE = {"type": "string", "pattern": r"\$\{\w+\}"}  # replaced by an environment variable


def schema_text() -> str:
    """Return the schema as the text of `experiment.schema.json`."""
    schema = Experiment.model_json_schema()
    schema["properties"] = {"base": BASE, **schema["properties"]}
    schema["title"] = "An experiment of faceseg"
    found = _for_single_files(schema)
    for networks in ("architectures", "variants"):  # null removes a network of the base
        network = found["properties"][networks]["additionalProperties"]
        found["properties"][networks]["additionalProperties"] = {
            "anyOf": [network, {"type": "null"}]
        }
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=1
    )


def _for_single_files(node: Any) -> Any:
    """Return a schema in which nothing is required and a number may be a variable."""
    if isinstance(node, list):
        return [_for_single_files(each) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {
        key: _for_single_files(value)
        for key, value in node.items()
        if not (key == "required" and isinstance(value, list))
    }
    if changed.get("type") in ("integer", "number", "boolean"):
        words = {
            key: changed.pop(key) for key in ("title", "description", "default") if key in changed
        }
        return {**words, "anyOf": [changed, VARIABLE]}
    return changed
