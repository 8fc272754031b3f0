"""Which images show the same photograph, told by LaPa's names.

About half of LaPa's training images are warped repeats of photographs of older data sets:
`HELEN_100032540_1_0` to `HELEN_100032540_1_9` are one photograph. The others are named
`<photograph>_<face>`. Statistics are clustered by photograph, and one that stands in two
splits is reported.
"""

import re

_LAPA_NAME = re.compile(r"((?:HELEN|LFPW|AFW|IBUG)_.+|\d+)_\d+")


def photo_of(name: str) -> str:
    """Return the photograph of an image's id; a name unlike LaPa's is its own photograph."""
    match = _LAPA_NAME.fullmatch(name)
    return match[1] if match else name
