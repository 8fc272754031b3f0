"""Find the images of Label Studio's tasks by the ends of their addresses."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from faceseg.data.formats.file_lookup import confined, leave_out
from faceseg.data.image_files import folders_below, images_in, printable
from faceseg.data.image_formats import IMAGE_SUFFIXES
from faceseg.data.problems import BadFile

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio adds it to the name of an upload
_PATH_KEYS = ("d", "filepath")  # of the queries of local and of stored files
_MAX_ADDRESS = 4096


class ImageFinder:
    """The images below a folder by their names."""

    def __init__(self, root: Path, index: Path) -> None:
        """List the images.

        Args:
            root: The folder.
            index: The JSON file, for the message of an error.
        """
        self._root = root
        self._index = index
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for folder in folders_below(root, leave_out):
            for image in images_in(folder):
                self._by_name[image.name].append(image)

    def find(self, task: int, data: Mapping[str, Any]) -> Path:
        """Return the image of a task.

        Args:
            task: The id of the task.
            data: The task's data; the image's address is in `image`, or the only one that ends like
                an image.

        Raises:
            BadFile: There is no address, no image of its name, or more than one.
        """
        place = _place(self._address(task, data))
        name = place.rsplit("/", 1)[-1]
        try:
            whole = confined(place.lstrip("/"), ".", self._root, self._index)
        except BadFile:
            whole = None  # an address elsewhere, of which the name alone counts
        if whole is not None and whole in self._by_name.get(name, ()):
            return whole
        found = self._by_name.get(name) or self._by_name.get(_UPLOAD_PREFIX.sub("", name, count=1))
        if not found:
            wrong = f"task {task}: no image {printable(name)[:200]!r} below {self._root}"
            raise BadFile(self._index, wrong, "the image under the name that ends its address")
        if len(found) > 1:
            names = ", ".join(printable(each.relative_to(self._root)) for each in found[:3])
            wrong = f"task {task}: {len(found)} images are named {name[:200]!r} ({names})"
            raise BadFile(self._index, wrong, "one image of each name")
        return found[0]

    def _address(self, task: int, data: Mapping[str, Any]) -> str:
        given = data.get("image")
        texts = [given] if isinstance(given, str) else data.values()
        addresses = [
            text
            for text in texts
            if isinstance(text, str)
            and len(text) <= _MAX_ADDRESS
            and Path(_place(text)).suffix.lower() in IMAGE_SUFFIXES
        ]
        if len(addresses) == 1:
            return addresses[0]
        wrong = f"task {task}: {len(addresses)} addresses of images in `data`"
        raise BadFile(self._index, wrong, "one, in data.image")


def _place(address: str) -> str:
    """Return the path that an address names, `/` between its parts."""
    try:
        parts = urlsplit(address)
        queries = parse_qs(parts.query, max_num_fields=100)
    except ValueError:
        return ""
    inner = [values[-1] for key in _PATH_KEYS if (values := queries.get(key))]
    return (inner[0] if inner else unquote(parts.path)).replace("\\", "/")
