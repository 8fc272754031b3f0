"""The names of the formats, apart from their readers, which load more than a command line needs."""

from typing import Literal, get_args

FormatName = Literal[
    "celebamask-hq",
    "easyportrait",
    "ibugmask",
    "helen",
    "facesynthetics",
    "coco",
    "labelme",
    "cvat",
    "label-studio",
    "colours",
]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)
