"""Read a YAML file that one of the program's models describes, with errors that name the file."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from faceseg.errors import UserError
from pipelines.config.plain_yaml import read_yaml
from pipelines.config.reading import explain_errors

Form = TypeVar("Form", bound=BaseModel)


def read_typed_yaml(path: Path, form: type[Form], *, option: str, keys: str) -> Form:
    """Return the content of a file.

    Args:
        path: The file.
        form: The model of its content.
        option: The option of the command line that names it, for messages.
        keys: The keys that a file must contain, in words, for messages.

    Raises:
        UserError: The file cannot be read, or its content is not valid.
    """
    try:
        content = read_yaml(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{option}: {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{option}: {path} is not plain YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{option}: {path} must contain {keys}")
    try:
        return form.model_validate(content)
    except ValidationError as error:
        problems = explain_errors(error, form)
        raise UserError(f"{path} is not a valid file of classes:\n{problems}") from error
