"""`model.json`, the manifest beside every exported file, and the exported file as a predictor."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import faceseg
from faceseg.data.classes import ClassSet
from faceseg.data.file_reading import FileTooLargeError, read_at_most
from faceseg.errors import UserError, first_line
from faceseg.inference.face_box import predictor_of
from faceseg.inference.predictor import Predictor
from pipelines.config.bounds import MAX_SIDE
from pipelines.models.formats import FORMATS
from pipelines.models.runtimes import (
    ExportedNetwork,
    LiteRTNetwork,
    OnnxNetwork,
    SavedModelNetwork,
)

MANIFEST_FILE = "model.json"
MAX_MANIFEST_BYTES = 1_000_000  # one has 3 kB
RESIZING = (
    "to the grid, aspect not kept: area interpolation along an axis that shrinks, linear along "
    "one that grows, pixel centres kept (half-pixel)"
)
LABELLING = (
    "enlarge the logits bilinearly to the photograph's own size, pixel centres kept (half-pixel); "
    "the label is the class with the largest"
)


class ExportManifest(BaseModel):
    """The contents of `model.json`: the facts that an application needs to run the file.

    Attributes:
        grid: Rows and columns of the network's input.
        images: Images per call; None if the number is open.
        sha256: Checksum of the file, or of the files of a folder (see `checksum`).
        agreement: Agreement with Keras, and the images on which it was measured.
        origin: Facts from the metadata of the source network (architecture, study, seed,
            commit), the address from which it was read, and the SHA-256 of its weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_by: str = f"faceseg {faceseg.__version__}"
    format: Literal["onnx", "litert", "saved-model"]
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
        """Write `model.json` into `folder`."""
        (folder / MANIFEST_FILE).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_export_manifest(folder: Path) -> ExportManifest:
    """Read the manifest of a folder and verify the exported file against it.

    Args:
        folder: The folder that contains `model.json` and the file that it describes.

    Returns:
        The manifest.

    Raises:
        UserError: The manifest is missing or invalid, or the checksum of the file differs.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} contains no {MANIFEST_FILE}, which lists the classes of an exported file; "
            "give the folder that `faceseg export` wrote, or a file in it"
        )
    try:
        manifest = ExportManifest.model_validate_json(read_at_most(path, MAX_MANIFEST_BYTES))
    except (ValidationError, FileTooLargeError) as error:
        too_large = isinstance(error, FileTooLargeError)
        reason = (
            f"it is larger than {MAX_MANIFEST_BYTES / 1e6:g} MB" if too_large else first_line(error)
        )
        raise UserError(f"{path} was not written by `faceseg export`: {reason}") from error
    file = folder / manifest.file
    if file.parent != folder or not file.exists() or checksum(file) != manifest.sha256:
        raise UserError(
            f"{file} is missing, or is not the file that {path} describes (its sha256 differs); "
            "export the model again"
        )
    return manifest


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, or of the list of a folder's files.

    The list has one line `<sha256>  <path>` for each file. Paths are relative, sorted and
    written with slashes: `sha256sum $(find * -type f | LC_ALL=C sort)`.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    files = sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    lines = "".join(f"{checksum(path / name)}  {name}\n" for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def size_in_bytes(path: Path) -> int:
    """Return the size of a file, or the total size of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


def is_exported(path: Path) -> bool:
    """Return whether `path` is an exported file or the folder of one."""
    return (path / MANIFEST_FILE).is_file() or path.name in {each.file for each in FORMATS.values()}


def open_exported(path: Path, threads: int | None = None) -> Predictor:
    """Open an exported file for prediction, in the runtime of its format.

    Args:
        path: The exported file, or its folder.
        threads: Threads of ONNX Runtime and LiteRT; by default all cores. TensorFlow uses the
            threads of the process.

    Returns:
        A predictor.

    Raises:
        UserError: `path` is not an exported file, the file was changed or takes other images
            than its manifest describes, or its runtime is not installed.
    """
    folder = path if (path / MANIFEST_FILE).is_file() else path.parent
    manifest = read_export_manifest(folder)
    if path not in (folder, folder / manifest.file):
        raise UserError(f"{path} is not the exported file of its folder; expected {manifest.file}")
    try:
        network = open_network(manifest.format, folder / manifest.file, threads)
    except UserError:
        raise
    except Exception as error:  # the runtimes raise many kinds for a damaged or foreign file
        raise UserError(
            f"{folder / manifest.file} cannot be opened as {manifest.format}: {first_line(error)}; "
            "export the model again"
        ) from error
    if tuple(network.input_shape[1:]) != (*manifest.grid, 3) or max(manifest.grid) > MAX_SIDE:
        raise UserError(
            f"{folder / manifest.file} takes images of {list(network.input_shape[1:])}; expected "
            f"{[*manifest.grid, 3]}, as {MANIFEST_FILE} beside it describes, and at most "
            f"{MAX_SIDE} pixels a side: export the model again"
        )
    return predictor_of(network, manifest.classes, manifest.origin)


def open_network(format_name: str, file: Path, threads: int | None = None) -> ExportedNetwork:
    """Open a file in the runtime of its format.

    Args:
        format_name: A key of `FORMATS`.
        file: The exported file.
        threads: Threads of ONNX Runtime and LiteRT; None for all cores.

    Returns:
        The network.

    Raises:
        UserError: The runtime is not installed.
    """
    if format_name == "onnx":
        return OnnxNetwork(file, threads)
    if format_name == "litert":
        return LiteRTNetwork(file, threads)
    return SavedModelNetwork(file)
