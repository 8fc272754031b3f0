"""Splits for formats that have none, or not all of them.

An image is assigned by a hash of its name alone, so that images that are added later move no
other one. Versions of one photograph stay together.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

from faceseg.data.formats.annotations import ALL, AnnotatedImage
from faceseg.data.split import photo_of
from faceseg.errors import UserError

SPLITS = ("train", "val", "test")
Shares = tuple[int, int, int]
DEFAULT_SHARES: Shares = (80, 10, 10)


def check_shares(shares: Sequence[int]) -> Shares:
    """Return the shares of train, val and test; raise ValueError unless they add up to 100."""
    if len(shares) != len(SPLITS) or min(shares) < 1 or sum(shares) != 100:
        raise ValueError(
            "the shares of train, val and test are three whole numbers of at least 1 that add up "
            "to 100, such as 80,10,10"
        )
    train, val, test = shares
    return train, val, test


def divide(
    splits: Mapping[str, Sequence[AnnotatedImage]],
    shares: Shares,
    photograph: Callable[[str], str] = photo_of,
) -> dict[str, list[AnnotatedImage]]:
    """Return the images of train, val and test.

    Splits that the format has stay as they are. The missing ones are taken from `ALL`, or else
    from 'train', in the proportions of `shares`.

    Args:
        splits: The images of each split of the format.
        shares: The shares of train, val and test in per cent.
        photograph: Returns the photograph that an image shows from the image's name.

    Raises:
        UserError: There is nothing to take a missing split from, or a split remains empty.
    """
    given = {name: list(splits[name]) for name in SPLITS if splits.get(name)}
    pool = list(splits.get(ALL, ())) or given.pop("train", [])
    missing = [name for name in SPLITS if name not in given]
    if missing and not pool:
        raise UserError(
            f"the annotations have the splits {', '.join(given) or 'none'} and no image from which "
            f"{', '.join(missing)} could be taken; expected all three splits, or images without one"
        )
    if len(pool) < len(missing):
        raise UserError(
            f"{len(pool)} images cannot be divided into {', '.join(missing)}; expected at least "
            f"{len(missing)}, and some dozens for scores that mean something"
        )
    wanted = {name: share for name, share in zip(SPLITS, shares, strict=True) if name in missing}
    drawn: dict[str, list[AnnotatedImage]] = {name: [] for name in missing}
    for image in pool:
        drawn[_assigned(photograph(image.id), wanted)].append(image)
    if empty := [name for name in missing if not drawn[name]]:
        raise UserError(
            f"{', '.join(empty)} would have no image: {len(pool)} images were divided in the "
            f"shares {','.join(map(str, shares))} of train, val and test, each by a hash of its "
            "name; give larger shares to these splits, such as 60,20,20, or more images"
        )
    found = {**given, **drawn}
    return {name: found[name] for name in SPLITS}


def _assigned(name: str, shares: Mapping[str, int]) -> str:
    """Return the split of a photograph, in the proportions of `shares`."""
    digest = blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    place: float = int.from_bytes(digest) / 2**64 * sum(shares.values())
    for split, share in reversed(list(shares.items())):
        if place < share:
            return split
        place -= share
    return next(iter(shares))
