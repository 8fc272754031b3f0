"""COCO's instances: polygons and run lengths in one JSON file for each split.

Layouts: `annotations/instances_{train,val,test}*.json` beside `images/` or `train2017/`; split
folders that each contain `_annotations.coco.json` beside the images (Roboflow); one JSON file.

An annotation of several polygons is their union. Polygons are rasterised by pycocotools, whose
outline of five points a pixel is the format's reference. `iscrowd` has no effect: tools set it for
every mask in run lengths. An image without annotations is background. Where annotations overlap,
see `faceseg.data.formats.shapes`: the smaller is on top.

Source: https://cocodataset.org/#format-data; maskApi.c of cocodataset/cocoapi.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import FailFast, Field, TypeAdapter, ValidationError

from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.coco_layout import CocoFile, find_coco_files
from faceseg.data.formats.file_lookup import confined, counted, first_existing, unique_ids
from faceseg.data.formats.json_files import Checked, describe, read_json, shown
from faceseg.data.formats.polygons import MAX_OUTLINE, checked_polygon
from faceseg.data.formats.run_lengths import RUN_WORK, coco_counts, mask_of_counts
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
    region_of_mask,
)
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

Id = int | str

_OUTLINE_WORK = 150  # pixels that are painted in the time in which a pixel of an outline is drawn
_EXPECTED = "COCO's instances JSON with images, categories and annotations"
_SEGMENTATION = "a list of polygons [x1, y1, x2, y2, ...], or {size, counts}"


class _Image(Checked):
    id: Id
    file_name: str
    width: int
    height: int


class _Category(Checked):
    id: Id
    name: str
    supercategory: str | None = None


class _Annotation(Checked):
    image_id: Id
    category_id: Id
    id: Id | None = None
    segmentation: Any = None  # checked when its image is read, so that others can be used


class _Instances(Checked):
    images: Annotated[list[_Image], FailFast()]
    annotations: Annotated[list[_Annotation], FailFast()]
    categories: Annotated[list[_Category], FailFast()]


class _RunLengths(Checked):
    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    counts: Any  # text or a list


_INSTANCES = TypeAdapter(_Instances)
_COUNTS = TypeAdapter(Annotated[list[int], FailFast()])
_POLYGONS = TypeAdapter(Annotated[list[Annotated[list[float], FailFast()]], FailFast()])


@dataclass(frozen=True, kw_only=True)
class CocoImage(PaintedImage):
    """An image of a COCO file with its annotations."""

    annotated_size: Size
    annotations: Sequence[_Annotation]
    labels: Mapping[Id, str]  # of each category
    ids: Mapping[str, int]

    def shapes(self, size: Size) -> Iterator[Shape]:
        """Yield the annotations in the order of the file."""
        check_size(self.annotation_file, f"image {self.id}", self.annotated_size, size)
        for number, each in enumerate(self.annotations):
            name = f"number {number}" if each.id is None else shown(each.id)
            with named(self.annotation_file, f"image {self.id}, annotation {name}"):
                if each.category_id not in self.labels:
                    wrong = f"unknown category {shown(each.category_id)}"
                    raise ShapeError(wrong, "the id of one of the file's categories")
                label = label_id(self.ids, self.labels[each.category_id])
                region = _region(each.segmentation, size)
            yield Shape(label, region)


def read_coco(path: Path) -> Annotations:
    """Read COCO's instances; the images are not decoded.

    Args:
        path: The folder of one of the module's layouts, or a JSON file.

    Raises:
        UserError: The layout is another one, a JSON file is damaged or contains ids twice, or
            pycocotools is not installed and there are polygons.
    """
    root, files = find_coco_files(path)
    contents = [_read_instances(file.path) for file in files]
    _check_pycocotools(contents)
    names = chain.from_iterable(_names(content) for content in contents)
    classes, ids = class_ids(names, path)
    splits: dict[str, Sequence[CocoImage]] = {}
    for file, content in zip(files, contents, strict=True):
        splits[file.split] = _images(file, content, ids, root)
    empty = sum(not image.annotations for images in splits.values() for image in images)
    return Annotations(
        classes=classes,
        splits=splits,
        root=root,
        index_files=tuple(file.path for file in files),
        notes=counted([(empty, "images without annotations are background")]),
    )


def _read_instances(file: Path) -> _Instances:
    try:
        content = read_json(file, _INSTANCES, _EXPECTED)
    except BadFile as bad:
        raise UserError(str(bad)) from bad
    for kind, ids in (
        ("images", [each.id for each in content.images]),
        ("categories", [each.id for each in content.categories]),
        ("annotations", [each.id for each in content.annotations if each.id is not None]),
    ):
        repeated = [found for found, count in Counter(ids).most_common(1) if count > 1]
        if repeated:
            raise UserError(f"{file}: two {kind} have the id {repeated[0]}; expected each id once")
    known = {each.id for each in content.images}
    lost = [each.image_id for each in content.annotations if each.image_id not in known]
    if lost:
        raise UserError(
            f"{file}: {len(lost)} annotations belong to images that are not listed, such as "
            f"image_id {shown(lost[0])}; expected the ids of `images`"
        )
    return content


def _names(content: _Instances) -> list[str]:
    """Return the categories' names, without a group that Roboflow lists as a category."""
    used = {each.category_id for each in content.annotations}
    groups = {each.supercategory for each in content.categories}
    return [each.name for each in content.categories if each.id in used or each.name not in groups]


def _images(
    file: CocoFile, content: _Instances, ids: Mapping[str, int], root: Path
) -> tuple[CocoImage, ...]:
    annotations: dict[Id, list[_Annotation]] = defaultdict(list)
    for each in content.annotations:
        annotations[each.image_id].append(each)
    problems: dict[int, BadFile] = {}
    paths: list[Path] = []
    for number, image in enumerate(content.images):
        try:
            places = [confined(image.file_name, each, root, file.path) for each in file.folders]
            paths.append(first_existing(places))
        except BadFile as bad:
            problems[number] = bad
            paths.append(root / f"image {number}")
    labels = {each.id: each.name for each in content.categories}
    return tuple(
        CocoImage(
            id=name,
            image_file=found,
            annotation_file=file.path,
            problem=problems.get(number),
            annotated_size=(image.height, image.width),
            annotations=annotations[image.id],
            labels=labels,
            ids=ids,
        )
        for number, (name, found, image) in enumerate(
            zip(unique_ids(paths, root, file.path), paths, content.images, strict=True)
        )
    )


def _region(segmentation: Any, size: Size) -> Region:
    """Return the pixels of a segmentation."""
    try:
        if isinstance(segmentation, dict):
            return _region_of_runs(_RunLengths.model_validate(segmentation), size)
        polygons = _POLYGONS.validate_python(segmentation, strict=True)
    except ValidationError as error:
        raise ShapeError(f"segmentation: {shown(describe(error))}", _SEGMENTATION) from error
    if not polygons:
        raise ShapeError("no segmentation (a box alone is no mask)", _SEGMENTATION)
    outline = 0
    for numbers in polygons:
        if len(numbers) % 2:
            raise ShapeError(f"a polygon of {len(numbers)} numbers", "pairs of x and y")
        outline += checked_polygon(np.reshape(numbers, (-1, 2)))[1]
    if outline > MAX_OUTLINE:
        raise ShapeError(f"outlines of {outline:,} pixels", f"at most {MAX_OUTLINE:,} pixels")
    from pycocotools import mask

    filled = mask.decode(mask.merge(mask.frPyObjects(polygons, *size)))
    return region_of_mask(np.asarray(filled, dtype=bool), outline * _OUTLINE_WORK)


def _region_of_runs(runs: _RunLengths, size: Size) -> Region:
    if tuple(runs.size) != size:
        wrong = f"run lengths for {' x '.join(map(str, runs.size[::-1]))} (width x height)"
        raise ShapeError(wrong, f"the image's {size[1]} x {size[0]}")
    if isinstance(runs.counts, str):
        counts = coco_counts(runs.counts, size[0] * size[1])
    else:
        counts = _COUNTS.validate_python(runs.counts, strict=True)
    return region_of_mask(mask_of_counts(counts, size, "columns"), len(counts) * RUN_WORK)


def _check_pycocotools(contents: Sequence[_Instances]) -> None:
    """Raise UserError if polygons have to be rasterised without pycocotools."""
    segmentations = (each.segmentation for content in contents for each in content.annotations)
    if any(isinstance(each, list) for each in segmentations) and not find_spec("pycocotools"):
        raise UserError("COCO's polygons need pycocotools: pip install 'faceseg[coco]'")
