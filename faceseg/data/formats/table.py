"""The formats that `faceseg convert --from` and `data.source` accept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faceseg.data.class_sets import BUILT_IN
from faceseg.data.classes import ClassSet
from faceseg.data.formats import celebamask_hq
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mapping import ClassMapping, Rules
from faceseg.errors import check_choice


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of annotations.

    Attributes:
        read: The reader. It receives the folder or file, and the class set of the result, whose
            palette a format without names of its own needs.
        rules: What native classes become, for a built-in class set by its name.
        terms: The terms of use of the data set, if the format is that of one data set.
    """

    read: Callable[[Path, ClassSet], Annotations]
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


def find_format(name: str) -> Format:
    """Return a format by its name; raise UserError for an unknown one."""
    check_choice("format", name, FORMATS)
    return FORMATS[name]


def format_mapping(
    form: Format, annotations: Annotations, classes: ClassSet, own: Rules
) -> ClassMapping:
    """Return the translation of a format's classes.

    Args:
        form: The format.
        annotations: What its reader returned.
        classes: The class set of the result.
        own: The user's rules, which take precedence over those of the format.

    Raises:
        UserError: A rule contains an unknown class, or native classes have no counterpart.
    """
    standard = next(
        (form.rules.get(name, {}) for name in BUILT_IN if BUILT_IN[name] == classes), {}
    )
    known = {name: rule for name, rule in standard.items() if name in annotations.classes}
    return ClassMapping(annotations.classes, classes, {**known, **own})
