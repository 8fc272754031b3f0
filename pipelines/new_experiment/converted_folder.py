"""What `faceseg convert` has recorded about a folder, for the experiment that `init` writes."""

from pathlib import Path

from pydantic import TypeAdapter

from faceseg.data.classes import ClassSet
from faceseg.data.formats.conversion_checks import RECORD
from faceseg.data.formats.json_files import Checked, read_json
from faceseg.data.problems import BadFile
from faceseg.errors import UserError


class ConvertedFolder(Checked):
    """The part of `conversion.json` that an experiment takes over.

    Attributes:
        terms: The terms of use of the data set, as far as they are known.
        classes: The class set of the labels; None in a folder that was not converted.
    """

    terms: str = ""
    classes: ClassSet | None = None


_RECORD = TypeAdapter(ConvertedFolder)


def read_converted_folder(folder: Path) -> ConvertedFolder:
    """Return what is recorded in a folder; empty if it was not converted.

    Raises:
        UserError: `conversion.json` is damaged.
    """
    file = folder / RECORD
    if not file.exists():
        return ConvertedFolder()
    try:
        return read_json(file, _RECORD, "the record of `faceseg convert`")
    except BadFile as bad:
        raise UserError(f"{bad}. Convert again, or remove it") from bad
