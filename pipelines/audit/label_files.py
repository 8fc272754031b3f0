"""The names of the label files, for the list of those to re-label."""

from faceseg.data.image_files import printable
from faceseg.data.lapa import FilePair
from faceseg.data.source import Source
from pipelines.audit.fold_images import PackedImages


def label_files(source: Source, images: PackedImages) -> list[str]:
    """Return the label file of each image, relative to the data folder; of drawn faces, the id.

    Every name is on one line: a line break in it is written as `\\n`.
    """
    files = {
        (split, item.id): item.labels[0].relative_to(item.root).as_posix()
        for split in source.splits
        for item in source.items(split)
        if isinstance(item, FilePair) and item.labels
    }
    return [_on_one_line(files.get(name, "/".join(name))) for name in images.names]


def _on_one_line(name: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in printable(name))
