"""The XML of CVAT: a bounded reader of its labels and images, without entities.

A document type is refused, so there are neither entities to expand nor files to include. The reader
keeps the elements of images and the names of labels; it checks no attribute.

Source: https://docs.cvat.ai/docs/other/xml_format ("Annotation").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from faceseg.data.formats.json_files import read_text
from faceseg.errors import UserError

MAX_DEPTH = 50
MAX_ELEMENTS = 2_000_000  # about a gigabyte of memory
_EXPECTED = 'the XML of the export "CVAT for images 1.1"'


@dataclass(frozen=True)
class Element:
    """An element of an image: its tag and attributes."""

    tag: str
    attributes: Mapping[str, str]


@dataclass
class ImageElement:
    """The attributes of an image and its shapes and tags in the order of the file."""

    attributes: Mapping[str, str]
    elements: list[Element] = field(default_factory=list)


@dataclass
class CvatFile:
    """The labels and images of a file."""

    labels: list[str] = field(default_factory=list)
    images: list[ImageElement] = field(default_factory=list)


def read_cvat_xml(file: Path) -> CvatFile:
    """Read a file of CVAT.

    Raises:
        BadFile: The file is unreadable or too large.
        UserError: It is no XML, another XML, has a document type, or is nested too deeply.
    """
    content = read_text(file, _EXPECTED)
    handler = _Handler()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.characters
    parser.StartDoctypeDeclHandler = handler.doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise UserError(f"{file}: no complete XML ({error}); expected {_EXPECTED}") from error
    except _RefusedError as error:
        raise UserError(f"{file}: {error}; expected {_EXPECTED}") from error
    return handler.content


class _RefusedError(Exception):
    """Content that is not read, with the reason."""


class _Handler:
    def __init__(self) -> None:
        self.content = CvatFile()
        self._open: list[str] = []
        self._count = 0
        self._name = ""
        self._is_part = False  # of a skeleton: its label has a parent

    def doctype(self, *_: object) -> None:
        raise _RefusedError("a document type, which can contain entities")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if not self._open and tag != "annotations":
            raise _RefusedError(f"the root element is {tag[:80]!r}, not 'annotations'")
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise _RefusedError(f"more than {MAX_ELEMENTS:,} elements or {MAX_DEPTH} levels")
        if tag == "track" and len(self._open) == 1:
            raise _RefusedError('tracks of a video; export it as "CVAT for images 1.1"')
        if tag == "image" and len(self._open) == 1:
            self.content.images.append(ImageElement(attributes))
        elif self._open[1:] == ["image"]:
            self.content.images[-1].elements.append(Element(tag, attributes))
        elif tag == "label":
            self._name, self._is_part = "", False
        self._open.append(tag)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == "label" and self._open[1:2] == ["meta"] and not self._is_part:
            self.content.labels.append(self._name)

    def characters(self, text: str) -> None:
        if self._open[-2:] == ["label", "name"]:
            self._name += text
        elif self._open[-2:] == ["label", "parent"]:
            self._is_part = self._is_part or bool(text.strip())
