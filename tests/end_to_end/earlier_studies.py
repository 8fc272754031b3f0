"""Unpack the storage folders of studies that an earlier version of the program wrote.

The databases contain the address of another folder, so every unpacked storage is a moved one.
"""

import tarfile
from pathlib import Path

EARLIER = Path(__file__).parent / "earlier"


def unpack(name: str, folder: Path) -> Path:
    """Unpack a study into `folder`; return its storage folder."""
    with tarfile.open(EARLIER / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "earlier.yaml").write_bytes((EARLIER / "earlier.yaml").read_bytes())
    return folder / "results"
