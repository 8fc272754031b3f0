"""CVAT's export "CVAT for images 1.1": one XML file with polygons, boxes, ellipses and masks.

Layout: `annotations.xml` beside `images/`; in the export of a project, images are in folders of
their subset (`images/Train/a.jpg`), and subsets named train, val and test are splits.

The shape of the higher `z_order` is on top; of one `z_order`, see `faceseg.data.formats.shapes`.
Points, polylines, cuboids and skeletons have no area: they are left out and counted. An image
without shapes is background.

Source: https://docs.cvat.ai/docs/other/xml_format ("Annotation").
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.cvat_xml import CvatFile, Element, ImageElement, read_cvat_xml
from faceseg.data.formats.file_lookup import (
    confined,
    counted,
    first_existing,
    split_of,
    unique_ids,
)
from faceseg.data.formats.polygons import fill_ellipse, fill_polygon, rectangle
from faceseg.data.formats.run_lengths import RUN_WORK, mask_of_counts
from faceseg.data.formats.shapes import (
    PaintedImage,
    Region,
    Shape,
    ShapeError,
    Size,
    check_size,
    class_ids,
    label_id,
    named,
)
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

XML_NAME = "annotations.xml"
_AREAS = ("polygon", "box", "ellipse", "mask")
_INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class CvatImage(PaintedImage):
    """An image of the XML file."""

    element: ImageElement
    ids: Mapping[str, int]

    def shapes(self, size: Size) -> Iterator[Shape]:
        """Yield the shapes that have an area."""
        file, image = self.annotation_file, Element("image", self.element.attributes)
        with named(file, f"image {self.id}"):
            annotated = (_integer(image, "height"), _integer(image, "width"))
        check_size(file, f"image {self.id}", annotated, size)
        for number, each in enumerate(self.element.elements):
            if each.tag in _AREAS:
                with named(file, f"image {self.id}, {each.tag} {number}"):
                    label = label_id(self.ids, _text(each, "label"))
                    layer = _integer(each, "z_order", "0")
                    region = _region(each, size)
                yield Shape(label, region, layer)


def read_cvat_images(file: Path) -> Annotations:
    """Read the XML file of an export; the images are not decoded.

    Args:
        file: The XML file; its folder contains the images.

    Raises:
        UserError: The file is damaged, of another kind, or lists an image twice.
    """
    try:
        content = read_cvat_xml(file)
    except BadFile as bad:
        raise UserError(str(bad)) from bad
    if not content.images:
        raise UserError(f'{file}: no image; expected the export "CVAT for images 1.1"')
    repeated = [
        found
        for found, count in Counter(each.attributes.get("id") for each in content.images).items()
        if count > 1 and found is not None
    ]
    if repeated and not _has_subsets(content):
        raise UserError(f"{file}: two images have the id {repeated[0][:80]!r}; expected each once")
    classes, ids = class_ids(content.labels, file)
    splits = {
        split: _images(images, ids, file) for split, images in _by_split(content, file).items()
    }
    elements = [element for image in content.images for element in image.elements]
    left_out = Counter(element.tag for element in elements if element.tag not in (*_AREAS, "tag"))
    empty = sum(
        not any(element.tag in _AREAS for element in image.elements) for image in content.images
    )
    return Annotations(
        classes=classes,
        splits=splits,
        root=file.parent,
        index_files=(file,),
        notes=counted(
            [
                *(
                    (count, f"shapes of the type {tag[:80]!r} have no area and were left out")
                    for tag, count in sorted(left_out.items())
                ),
                (empty, "images without shapes are background"),
            ]
        ),
    )


def _has_subsets(content: CvatFile) -> bool:
    """Return whether it is a project's export, in which each task counts its images from 0."""
    return all("subset" in each.attributes for each in content.images)


def _by_split(content: CvatFile, file: Path) -> dict[str, list[ImageElement]]:
    """Return the images of each split, which are the subsets if they are named so."""
    subsets = {each.attributes.get("subset", "") for each in content.images}
    splits = {subset: split_of(subset) for subset in subsets}
    if not any(splits.values()):
        return {ALL: content.images}
    if unknown := sorted(subset for subset, split in splits.items() if split is None):
        raise UserError(
            f"{file}: the subset {unknown[0][:80]!r} is no split, but others are; expected train, "
            "val and test for all images, or for none"
        )
    found: dict[str, list[ImageElement]] = {}
    for each in content.images:
        found.setdefault(splits[each.attributes["subset"]] or ALL, []).append(each)
    return found


def _images(
    elements: Sequence[ImageElement], ids: Mapping[str, int], file: Path
) -> tuple[CvatImage, ...]:
    root = file.parent
    paths: list[Path] = []
    problems: dict[int, BadFile] = {}
    for number, element in enumerate(elements):
        subset = element.attributes.get("subset", "")
        folders = ("images", f"images/{subset}", subset, ".")
        try:
            name = element.attributes.get("name", "")
            places = [confined(name, _folder(folder, root, file), root, file) for folder in folders]
            paths.append(first_existing(places))
        except BadFile as bad:
            problems[number] = bad
            paths.append(root / f"image {number}")
    return tuple(
        CvatImage(
            id=name,
            image_file=path,
            annotation_file=file,
            problem=problems.get(number),
            element=element,
            ids=ids,
        )
        for number, (name, path, element) in enumerate(
            zip(unique_ids(paths, root, file), paths, elements, strict=True)
        )
    )


def _folder(folder: str, root: Path, file: Path) -> str:
    """Return a folder that a subset names, relative to the root."""
    return confined(folder or ".", ".", root, file).relative_to(root).as_posix()


def _region(shape: Element, size: Size) -> Region:
    if shape.tag == "polygon":
        return fill_polygon(_points(shape), size)
    if shape.tag == "mask":
        return _mask(shape, size)
    degrees = _number(shape, "rotation", "0")
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (_number(shape, name) for name in ("cx", "cy", "rx", "ry"))
        return fill_ellipse((cx, cy), (rx, ry), degrees, size)
    x0, y0, x1, y1 = (_number(shape, name) for name in ("xtl", "ytl", "xbr", "ybr"))
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    return fill_polygon(rectangle((x0, y0), (x1 - x0, y1 - y0), degrees, centre), size)


def _points(shape: Element) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in _text(shape, "points").split(";")]
    try:
        return [(float(x), float(y)) for x, y in pairs]
    except ValueError as error:
        raise ShapeError("points that are no pairs of numbers", "x,y;x,y;...") from error


def _mask(shape: Element, size: Size) -> Region:
    """Return the region of run lengths along the rows of a box within the image."""
    left, top, width, height = (
        _integer(shape, name) for name in ("left", "top", "width", "height")
    )
    inside = 0 <= left <= left + width <= size[1] and 0 <= top <= top + height <= size[0]
    if not inside or width < 0 or height < 0:
        wrong = f"a mask of {width} x {height} at ({left}, {top})"
        raise ShapeError(wrong, f"a box within the image of {size[1]} x {size[0]}")
    counts = [part.strip() for part in _text(shape, "rle").split(",")]
    if not all(_INTEGER.fullmatch(count) for count in counts):
        raise ShapeError("run lengths that are no numbers", "rle with lengths joined by commas")
    mask = mask_of_counts([int(count) for count in counts], (height, width), "rows")
    return Region(mask, top, left, work=len(counts) * RUN_WORK)


def _text(shape: Element, name: str, default: str | None = None) -> str:
    value = shape.attributes.get(name, default)
    if value is None:
        raise ShapeError(f"no attribute {name!r}", f"a {shape.tag} with {name!r}")
    return value


def _number(shape: Element, name: str, default: str | None = None) -> float:
    text = _text(shape, name, default)
    try:
        return float(text)
    except ValueError as error:
        raise ShapeError(f"{name} is {text[:80]!r}", "a number") from error


def _integer(shape: Element, name: str, default: str | None = None) -> int:
    text = _text(shape, name, default)
    if not _INTEGER.fullmatch(text):
        raise ShapeError(f"{name} is {text[:80]!r}", "an integer")
    return int(text)
