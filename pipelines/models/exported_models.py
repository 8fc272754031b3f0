"""`model.json`, beside every exported file: all that whoever builds it in needs to know."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import faceseg
from faceseg.data.classes import ClassSet
from faceseg.errors import UserError, first_line
from faceseg.inference.predictor import Predictor
from pipelines.models.formats import FORMATS
from pipelines.models.runtimes import ExportedNetwork, LiteRTNetwork, OnnxNetwork

MANIFEST_FILE = "model.json"
RESIZING = (
    "to the grid, aspect not kept: area interpolation along an axis that shrinks, linear along "
    "one that grows, pixel centres kept (half-pixel)"
)
LABELLING = (
    "enlarge the logits bilinearly to the photograph's own size, pixel centres kept (half-pixel); "
    "the label is the class with the largest"
)


class ExportManifest(BaseModel):
    """The facts of an exported file.

    grid: rows and columns of the network's input. images: how many go in at once, None for any
    number. sha256: of the file, or of a folder's files (see `checksum`). agreement: with Keras,
    with what it was measured on. origin: where the network comes from: what its own file
    says (architecture, study, seed, commit), the address it was read from, its weights' SHA-256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_by: str = f"faceseg {faceseg.__version__}"
    format: str
    precision: str
    file: str
    sha256: str
    bytes: int
    grid: tuple[int, int]
    images: int | None
    input: str = "image: uint8 (images, rows, columns, 3), RGB, 0 to 255; scaling is inside"
    resizing: str = RESIZING
    output: str = "logits: float32 (images, rows, columns, classes)"
    labelling: str = LABELLING
    classes: ClassSet
    origin: dict[str, Any]
    agreement: dict[str, float | int | str]

    def write(self, folder: Path) -> None:
        """Write `model.json` into the file's folder."""
        (folder / MANIFEST_FILE).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_export_manifest(folder: Path) -> ExportManifest:
    """Read the card of a folder, and check that its file is the one that was exported.

    Raises UserError where there is none, or either has been changed.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} holds no {MANIFEST_FILE}, which says what the classes of an exported file are; give "
            "the folder that `faceseg export` made, or a file in it"
        )
    try:
        card = ExportManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is not of `faceseg export`: {first_line(error)}") from error
    file = folder / card.file
    if file.parent != folder or not file.exists() or checksum(file) != card.sha256:
        raise UserError(
            f"{file} is not there, or not the file that {path} tells of (its sha256 differs); "
            "export the model again"
        )
    return card


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of a line `<sha256>  <path>` for each file.

    The paths are relative, sorted, with slashes: `sha256sum $(find * -type f | LC_ALL=C sort)`.
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    lines = "".join(f"{checksum(path / name)}  {name}\n" for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def size_in_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


# --- Exported files opened again, as what labels photographs.


def is_exported(path: Path) -> bool:
    """Say whether a path means an exported file: its folder, or the file in it."""
    return (path / MANIFEST_FILE).is_file() or path.name in {each.file for each in FORMATS.values()}


def open_exported(path: Path, threads: int | None = None) -> Predictor:
    """Open the folder of an exported file, or the file; it answers in its own runtime.

    threads: of that runtime, all of the machine's by default. TensorFlow's are the process's own.
    UserError if it is none, if it was changed, or if its runtime is not installed.
    """
    folder = path if (path / MANIFEST_FILE).is_file() else path.parent
    card = read_export_manifest(folder)
    if path not in (folder, folder / card.file):
        raise UserError(f"{path} is not the exported file of its folder; that is {card.file}")
    network = open_network(card.format, folder / card.file, threads)
    return Predictor(network, card.classes, card.origin)


def open_network(format_name: str, file: Path, threads: int | None = None) -> ExportedNetwork:
    """Open a file in the runtime of its format."""
    if format_name == "onnx":
        return OnnxNetwork(file, threads)
    if format_name == "litert":
        return LiteRTNetwork(file, threads)
    from pipelines.models.runtimes import SavedModelNetwork

    return SavedModelNetwork(file)
