"""Label Studio: the JSON export with polygons, rectangles, ellipses and brush masks.

Layout: one JSON file in a folder that contains the images somewhere below. An image is found by the
end of its address in `data`: `/data/upload/1/abcdef12-name.jpg` is `abcdef12-name.jpg` or
`name.jpg`, `/data/local-files/?d=folder/name.jpg` is `folder/name.jpg` or `name.jpg`.

Of several annotations of an image, the first that was not cancelled is used; such images are
counted. Images without one, and results of other types (key points), are left out and counted.
Where regions overlap, see `faceseg.data.formats.shapes`: the smaller is on top.

Source: https://labelstud.io/guide/task_format, https://labelstud.io/guide/export; the units and the
rotation of https://labelstud.io/tags/rectanglelabels.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import FailFast, TypeAdapter

from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.file_lookup import check_folder, counted, files_with, unique_ids
from faceseg.data.formats.json_files import Checked, read_json, shown
from faceseg.data.formats.label_studio_images import ImageFinder
from faceseg.data.formats.label_studio_regions import KINDS, labels_of, region_of
from faceseg.data.formats.shapes import PaintedImage, Shape, Size, class_ids, label_id, named
from faceseg.data.image_files import folders_in
from faceseg.data.paired_files import contents
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

_EXPECTED = 'the export "JSON" of Label Studio (not JSON-MIN): tasks with data and annotations'


class _Annotation(Checked):
    result: Annotated[list[dict[str, Any]], FailFast()]  # checked when the image is read
    was_cancelled: bool | None = False


class _Task(Checked):
    id: int
    data: dict[str, Any]
    annotations: Annotated[list[_Annotation], FailFast()]


_TASKS = TypeAdapter(Annotated[list[_Task], FailFast()])


@dataclass(frozen=True, kw_only=True)
class LabelStudioImage(PaintedImage):
    """The image of a task, with the regions of one annotation."""

    task: int
    regions: Sequence[Mapping[str, Any]]
    ids: Mapping[str, int]

    def shapes(self, size: Size) -> Iterator[Shape]:
        """Yield the regions that have an area."""
        for number, region in enumerate(self.regions):
            if region.get("type") in KINDS:
                with named(self.annotation_file, f"task {self.task}, region {number}"):
                    name, pixels = region_of(region, size)
                    label = label_id(self.ids, name)
                yield Shape(label, pixels)


def read_label_studio(path: Path, labels: Sequence[str] | None = None) -> Annotations:
    """Read a JSON export of Label Studio; the images are not decoded.

    Args:
        path: The folder that contains the JSON file and, somewhere below, the images; or the file.
        labels: All labels in the order of their ids; others are refused. None collects them from
            the file, in alphabetical order.

    Raises:
        UserError: The folder contains not exactly one JSON file, or that is damaged or lists a
            task or an image twice.
    """
    file = _json_file(path)
    try:
        tasks = read_json(file, _TASKS, _EXPECTED)
    except BadFile as bad:
        raise UserError(str(bad)) from bad
    repeated = [found for found, count in Counter(each.id for each in tasks).items() if count > 1]
    if repeated:
        raise UserError(f"{file}: two tasks have the id {repeated[0]}; expected each id once")
    usable = [(task, done) for task in tasks if (done := _completed(task))]
    regions = [region for _, done in usable for region in done[0].result]
    if labels is None:
        labels = sorted({label for region in regions for label in labels_of(region)})
    classes, ids = class_ids(labels, file)
    others = Counter(str(each.get("type")) for each in regions if each.get("type") not in KINDS)
    return Annotations(
        classes=classes,
        splits={ALL: _images(usable, ids, file)},
        root=file.parent,
        index_files=(file,),
        notes=counted(
            [
                (len(tasks) - len(usable), "tasks have no completed annotation and were left out"),
                (
                    sum(len(done) > 1 for _, done in usable),
                    "tasks have several annotations, of which the first is used",
                ),
                *(
                    (count, f"results of the type {shown(kind)!r} were left out")
                    for kind, count in sorted(others.items())
                ),
            ]
        ),
    )


def _completed(task: _Task) -> list[_Annotation]:
    return [each for each in task.annotations if not each.was_cancelled]


def _images(
    tasks: Sequence[tuple[_Task, list[_Annotation]]], ids: Mapping[str, int], file: Path
) -> tuple[LabelStudioImage, ...]:
    finder = ImageFinder(file.parent, file)
    paths: list[Path] = []
    problems: dict[int, BadFile] = {}
    for task, _ in tasks:
        try:
            paths.append(finder.find(task.id, task.data))
        except BadFile as bad:
            problems[task.id] = bad
            paths.append(file.parent / f"task {task.id}")
    return tuple(
        LabelStudioImage(
            id=name,
            image_file=path,
            annotation_file=file,
            problem=problems.get(task.id),
            task=task.id,
            regions=done[0].result,
            ids=ids,
        )
        for name, path, (task, done) in zip(
            unique_ids(paths, file.parent, file), paths, tasks, strict=True
        )
    )


def _json_file(path: Path) -> Path:
    if path.is_file():
        return path
    check_folder(path, _EXPECTED)
    files = files_with(".json", path)
    if len(files) == 1:
        return files[0]
    inner = [each for each in folders_in(path) if len(files_with(".json", each)) == 1]
    hint = f". Did you mean {inner[0]}?" if inner and not files else f"; found: {contents(path)}"
    raise UserError(f"{path} contains {len(files)} JSON files; expected one, {_EXPECTED}{hint}")
