"""The file of `--classes FILE.yaml`: a class set, and what a format's own classes become.

```yaml
classes: lapa            # a built-in class set, or a class set as in `data.classes`
map:                     # only for `faceseg convert`
  iris: left_eye
  glasses: {to: skin, where: [left_eye, right_eye], otherwise: background}
  strange: ignore
palette:                 # only for the format `colours`; by default that of the class set
  background: [0, 0, 0]
```
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from faceseg.data.class_sets import BUILT_IN, BuiltIn
from faceseg.data.classes import ClassSet
from faceseg.data.formats.mapping import Target
from faceseg.errors import UserError
from pipelines.config import names
from pipelines.config.typed_yaml import read_typed_yaml

SUFFIXES = (".yaml", ".yml")


class ClassFile(BaseModel):
    """The content of the file.

    Attributes:
        classes: A built-in class set by its name, or a class set.
        map: What native classes become.
        palette: The colours of each native class, for labels in colours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: BuiltIn | ClassSet
    map: dict[str, Target] = {}
    palette: dict[str, list[Any]] | None = None

    @field_validator("classes")
    @classmethod
    def _check_class_names(cls, value: str | ClassSet) -> str | ClassSet:
        if isinstance(value, ClassSet):
            names.check_class_names(value.names)
        return value

    @property
    def class_set(self) -> ClassSet:
        """The class set that `classes` selects."""
        return BUILT_IN[self.classes] if isinstance(self.classes, str) else self.classes


def is_class_file(text: str) -> bool:
    """Return whether the value of `--classes` is a file."""
    return text.lower().endswith(SUFFIXES)


def read_classes(text: str) -> ClassFile:
    """Return what `--classes` selects.

    Args:
        text: The name of a built-in class set, or a YAML file.

    Raises:
        UserError: It is neither, or the file is not valid.
    """
    if is_class_file(text):
        return read_typed_yaml(
            Path(text), ClassFile, option="--classes", keys="the key `classes`, and `map` if needed"
        )
    if text in BUILT_IN:
        return ClassFile.model_validate({"classes": text})
    raise UserError(
        f"--classes {text}: expected {', '.join(BUILT_IN)}, or the YAML file of a class set"
    )
