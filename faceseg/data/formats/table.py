"""The formats that `faceseg convert --from` and `data.source` accept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceseg.data.class_sets import BUILT_IN
from faceseg.data.classes import ClassSet
from faceseg.data.formats import (
    celebamask_hq,
    coco,
    colours,
    cvat,
    easyportrait,
    facesynthetics,
    helen,
    ibugmask,
    label_studio,
    labelme,
)
from faceseg.data.formats.annotated_source import AnnotatedSource
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mapping import ClassMapping, Rules
from faceseg.data.formats.names import FormatName
from faceseg.data.formats.splitting import DEFAULT_SHARES, Shares
from faceseg.data.split import photo_of
from faceseg.errors import UserError, check_choice

Palette = Mapping[str, Sequence[object]]  # the colours of each class


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of annotations.

    Attributes:
        read: The reader. It receives the folder or file, and the palette of a data set whose
            labels are colours.
        rules: What native classes become, for a built-in class set by its name.
        refused: Why the classes cannot be translated into a built-in class set, by its name.
        photograph: Returns the photograph that an image shows from the image's name.
        terms: The terms of use of the data set, if the format is that of one data set.
    """

    read: Callable[[Path, Palette], Annotations]
    rules: Mapping[str, Rules] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    photograph: Callable[[str], str] = photo_of
    terms: str = ""


FORMATS: Mapping[FormatName, Format] = {
    "celebamask-hq": Format(
        read=lambda path, _: celebamask_hq.read_celebamask_hq(path),
        rules={
            "lapa": celebamask_hq.TO_LAPA,
            "celebamask19": celebamask_hq.TO_CELEBAMASK19,
        },
        terms="CelebAMask-HQ: for non-commercial research and educational purposes only",
    ),
    "easyportrait": Format(
        read=lambda path, _: easyportrait.read_easyportrait(path),
        refused={"lapa": easyportrait.WHY_NOT_LAPA},
    ),
    "ibugmask": Format(
        read=lambda path, _: ibugmask.read_ibugmask(path),
        rules={"lapa": ibugmask.TO_LAPA},
        photograph=ibugmask.photograph_of,
    ),
    "helen": Format(read=lambda path, _: helen.read_helen(path), rules={"lapa": helen.TO_LAPA}),
    "facesynthetics": Format(
        read=lambda path, _: facesynthetics.read_facesynthetics(path),
        rules={"lapa": facesynthetics.TO_LAPA},
        terms="Microsoft FaceSynthetics: C-UDA 1.0, for research only, with attribution",
    ),
    "coco": Format(read=lambda path, _: coco.read_coco(path)),
    "labelme": Format(read=lambda path, _: labelme.read_labelme(path)),
    "cvat": Format(read=lambda path, _: cvat.read_cvat(path)),
    "label-studio": Format(read=lambda path, _: label_studio.read_label_studio(path)),
    "colours": Format(read=colours.read_colours),
}


def find_format(name: str) -> Format:
    """Return a format by its name; raise UserError for an unknown one."""
    check_choice("format", name, FORMATS)
    return next(form for known, form in FORMATS.items() if known == name)


def open_annotations(
    name: str,
    path: Path,
    classes: ClassSet,
    *,
    rules: Rules | None = None,
    palette: Palette | None = None,
    shares: Shares = DEFAULT_SHARES,
) -> AnnotatedSource:
    """Open annotations of a format as a source of images in the classes of a class set.

    Args:
        name: The name of the format.
        path: The folder or file.
        classes: The class set of the labels.
        rules: What native classes become; they take precedence over the format's own rules.
        palette: The colours of each class in the files, for the format `colours`; by default
            those of the class set.
        shares: The shares of train, val and test in per cent, for splits that the format does not
            have.

    Raises:
        UserError: The format is unknown, `path` has another layout, a native class has no
            counterpart, or a split remains empty.
    """
    form = find_format(name)
    target = next((each for each in BUILT_IN if BUILT_IN[each] == classes), "")
    if target in form.refused and not rules:
        raise UserError(form.refused[target])
    annotations = form.read(path, palette or dict(zip(classes.names, classes.palette, strict=True)))
    standard = form.rules.get(target, {})
    known = {each: rule for each, rule in standard.items() if each in annotations.classes}
    mapping = ClassMapping(annotations.classes, classes, {**known, **(rules or {})})
    return AnnotatedSource(
        annotations, mapping, form=name, shares=shares, photograph=form.photograph
    )
