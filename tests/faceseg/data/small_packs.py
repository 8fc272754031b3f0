"""Packs of the small data set at one size."""

from pathlib import Path
from typing import Any

from faceseg.data.classes import LAPA
from faceseg.data.lapa import LapaFolder
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack

SIZE = (16, 24)  # wide enough for each of the eleven stripes


def prepared(folder: Path, root: Path, **options: Any) -> tuple[Path, Manifest]:
    return build_pack(LapaFolder(folder), root, LAPA, SIZE, **options)
