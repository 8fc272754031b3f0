"""What is checked before a conversion writes anything: its folder, and the names of its files."""

import os
from pathlib import Path

from faceseg.data.formats.annotated_source import AnnotatedSource
from faceseg.data.formats.splitting import SPLITS
from faceseg.data.image_files import composed, is_passed_over, is_system_name
from faceseg.errors import UserError

RECORD = "conversion.json"  # the file that marks a folder as a complete conversion


def check_target(folder: Path, root: Path, *, overwrite: bool) -> None:
    """Raise UserError unless the folder can be written without losing anything."""
    target, source = folder.resolve(), root.resolve()
    if target == source or target in source.parents or source in target.parents:
        raise UserError(
            f"{folder} and {root} contain one another; give a folder outside of the annotations"
        )
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UserError(f"{folder} is a file or a link; give the name of a new folder")
    names = sorted(name for name in os.listdir(folder) if not is_system_name(name))
    if not names:
        return
    written = (*SPLITS, RECORD) if RECORD in names else ()
    if others := [name for name in names if name not in written]:
        raise UserError(
            f"{folder} contains files that no conversion has written ({', '.join(others[:3])}); "
            "give the name of a new folder"
        )
    if not overwrite:
        raise UserError(
            f"{folder} contains a conversion; give --overwrite to replace it, or another folder"
        )


def check_names(source: AnnotatedSource) -> None:
    """Raise UserError if a name cannot be a file's, or if two names would be one file."""
    for split in source.splits:
        seen: dict[str, str] = {}
        for item in source.items(split):
            if "/" in item.id or "\0" in item.id or is_passed_over(item.id):
                raise UserError(
                    f"the image {item.id!r} of {split} cannot be a file of this name, which is "
                    "hidden or contains a slash; rename it"
                )
            key = composed(composed(item.id).casefold())
            if key in seen:
                raise UserError(
                    f"two images of {split} would be one file on some systems: {seen[key]!r} and "
                    f"{item.id!r}; rename one of them"
                )
            seen[key] = item.id
