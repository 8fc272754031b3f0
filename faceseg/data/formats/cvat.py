"""CVAT: the export formats "CVAT for images 1.1" (XML) and "Segmentation mask 1.1" (PNG).

Source: https://docs.cvat.ai/docs/dataset_management/formats/ (format-cvat, format-smask).
"""

from pathlib import Path

from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.cvat_images import XML_NAME, read_cvat_images
from faceseg.data.formats.cvat_masks import LABELMAP, read_cvat_masks
from faceseg.data.formats.file_lookup import check_folder
from faceseg.data.image_files import folders_in
from faceseg.data.paired_files import contents
from faceseg.errors import UserError

_EXPECTED = f"{XML_NAME} beside images/, or {LABELMAP} beside SegmentationClass/"


def read_cvat(path: Path) -> Annotations:
    """Read an unpacked export of CVAT; the images are not decoded.

    Args:
        path: The folder of the export, or its XML file.

    Raises:
        UserError: The folder contains neither format, both, or a damaged index.
    """
    if path.is_file():
        return read_cvat_images(path)
    check_folder(path, _EXPECTED)
    has_xml, has_masks = (path / XML_NAME).is_file(), (path / LABELMAP).is_file()
    if has_xml and has_masks:
        wrong = f"{path} contains {XML_NAME} and {LABELMAP}, which are two exports"
        raise UserError(f"{wrong}; expected one of them: pass {path / XML_NAME}, or move one away")
    if has_xml:
        return read_cvat_images(path / XML_NAME)
    if has_masks:
        return read_cvat_masks(path)
    for inner in folders_in(path):
        if (inner / XML_NAME).is_file() or (inner / LABELMAP).is_file():
            raise UserError(f"{path} is no export of CVAT. Did you mean {inner}?")
    raise UserError(
        f"{path} is no unpacked export of CVAT; expected {_EXPECTED}; found: {contents(path)}"
    )
