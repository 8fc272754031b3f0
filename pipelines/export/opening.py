"""Exported files opened again, as what labels photographs."""

from pathlib import Path

from faceseg.errors import UserError
from faceseg.predictor import Predictor
from pipelines.export.card import NAME, read_card
from pipelines.export.formats import FORMATS
from pipelines.export.runtimes import ExportedNetwork, LiteRTNetwork, OnnxNetwork


def is_exported(path: Path) -> bool:
    """Say whether a path means an exported file: its folder, or the file in it."""
    return (path / NAME).is_file() or path.name in {each.file for each in FORMATS.values()}


def open_exported(path: Path, threads: int | None = None) -> Predictor:
    """Open the folder of an exported file, or the file; it answers in its own runtime.

    threads: of that runtime, all of the machine's by default. TensorFlow's are the process's own.
    UserError if it is none, if it was changed, or if its runtime is not installed.
    """
    folder = path if (path / NAME).is_file() else path.parent
    card = read_card(folder)
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
    from pipelines.export.converters import SavedModelNetwork

    return SavedModelNetwork(file)
