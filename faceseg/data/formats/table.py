"""The formats that `faceseg convert --from` and `data.source` accept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceseg.data.class_sets import BUILT_IN
from faceseg.data.classes import ClassSet
from faceseg.data.formats import celebamask_hq
from faceseg.data.formats.annotated_source import AnnotatedSource
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mapping import ClassMapping, Rules
from faceseg.data.formats.splitting import DEFAULT_SHARES, Shares
from faceseg.errors import check_choice

Palette = Mapping[str, Sequence[object]]  # the colours of each class


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of annotations.

    Attributes:
        read: The reader. It receives the folder or file, and the palette of a data set whose
            labels are colours.
        rules: What native classes become, for a built-in class set by its name.
        terms: The terms of use of the data set, if the format is that of one data set.
    """

    read: Callable[[Path, Palette], Annotations]
    rules: Mapping[str, Rules] = field(default_factory=dict)
    terms: str = ""


FORMATS: Mapping[str, Format] = {
    "celebamask-hq": Format(
        read=lambda path, _: celebamask_hq.read_celebamask_hq(path),
        rules={
            "lapa": celebamask_hq.TO_LAPA,
            "celebamask19": celebamask_hq.TO_CELEBAMASK19,
        },
        terms="CelebAMask-HQ: for non-commercial research and educational purposes only",
    ),
}


def open_annotations(
    form: str,
    path: Path,
    classes: ClassSet,
    *,
    rules: Rules | None = None,
    palette: Palette | None = None,
    shares: Shares = DEFAULT_SHARES,
) -> AnnotatedSource:
    """Open annotations of a format as a source of images in the classes of a class set.

    Args:
        form: The name of the format.
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
    check_choice("format", form, FORMATS)
    colours = palette or dict(zip(classes.names, classes.palette, strict=True))
    annotations = FORMATS[form].read(path, colours)
    own = FORMATS[form].rules
    standard = next((own[name] for name in own if BUILT_IN[name] == classes), {})
    known = {name: rule for name, rule in standard.items() if name in annotations.classes}
    mapping = ClassMapping(annotations.classes, classes, {**known, **(rules or {})})
    return AnnotatedSource(annotations, mapping, form=form, shares=shares)
