"""The findings of one pass over a source: the problems, and the facts of each split."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations

import numpy as np

from faceseg.data.class_counts import ClassCounts, SideCounts
from faceseg.data.classes import ClassSet
from faceseg.data.label_checks import (
    Counts,
    is_two_valued_mask,
    label_warnings,
    meaningless_labels,
)
from faceseg.data.manifest import OnBad, SideFacts, SplitFacts
from faceseg.data.preprocessing import PreparedPair
from faceseg.data.problems import (
    MAX_IDS_SHOWN,
    PACKING,
    PairProblem,
    Work,
    describe_problems,
)
from faceseg.data.split import photo_of
from faceseg.errors import UserError

# In LaPa at least 95 % of the images have the left class on the left. In a data set with a
# lower share, left and right are exchanged or the labels follow another convention.
MIN_SIDE_AGREEMENT = 0.95
# A picture in two splits stays in the one that is read first, so 'test' loses no image.
HELD_OUT_FIRST = ("test", "val", "train")


class Findings:
    """Accumulates the findings item by item and detects repeated pictures."""

    def __init__(self, classes: ClassSet) -> None:
        self.problems: list[PairProblem] = []
        self.ids: dict[str, list[str]] = defaultdict(list)
        self._classes = classes
        self._original: dict[str, Counts] = defaultdict(_no_pixels)
        self._masks: dict[str, int] = defaultdict(int)
        self._class_counts: dict[str, ClassCounts] = defaultdict(lambda: ClassCounts(classes))
        self._repeated: dict[str, int] = defaultdict(int)
        self._without_pose: dict[str, int] = defaultdict(int)
        self.without_face: dict[str, int] = defaultdict(int)
        self._blended: dict[str, list[str]] = defaultdict(list)
        self._first_seen: dict[bytes, tuple[str, str]] = {}

    def add(self, split: str, result: PreparedPair | PairProblem) -> PreparedPair | None:
        """Record the result of one item.

        Args:
            split: The split of the item.
            result: The prepared pair, or the problem that makes the pair unusable.

        Returns:
            The pair if it must be packed. None if it has a problem, or if its picture was
            already recorded in another split.
        """
        if isinstance(result, PairProblem):
            self.problems.append(result)
            return None
        first = self._first_seen.setdefault(result.digest, (split, result.id))
        if first[0] != split:
            self.problems.append(
                PairProblem(
                    split=split,
                    id=result.id,
                    file=f"{split}/{result.id}",
                    wrong=f"the same picture as {first[0]}/{first[1]}",
                    expected="no picture in two splits",
                )
            )
            return None
        self._repeated[split] += first[1] != result.id
        self._without_pose[split] += "landmarks" in result.facts
        self.without_face[split] += result.without_face
        if result.blended:
            ids = ", ".join(map(str, result.blended[:MAX_IDS_SHOWN]))
            self._blended[split].append(f"{result.id} with ids {ids}")
        self.ids[split].append(result.id)
        self._class_counts[split].add(result.columns)
        self._original[split] += result.original_ids
        self._masks[split] += is_two_valued_mask(result.original_ids)
        return result

    def splits(self, digests: Mapping[str, str], order: Sequence[str]) -> dict[str, SplitFacts]:
        """Return the facts of each split, in the order given."""
        return {
            split: SplitFacts(
                count=len(self.ids[split]),
                photos=len(self._photos(split)),
                repeated=self._repeated[split],
                class_shares=self._class_counts[split].shares(),
                digest=digests[split],
            )
            for split in order
        }

    def shared_photos(self) -> dict[str, int]:
        """Return the number of photographs that two splits share, such as {'test+train': 3}."""
        shared = {
            f"{one}+{other}": len(self._photos(one) & self._photos(other))
            for one, other in combinations(self.ids, 2)
        }
        return {splits: count for splits, count in shared.items() if count}

    def sides(self) -> tuple[SideFacts, ...]:
        """Return the left/right order of each pair of classes over all splits."""
        return tuple(SideFacts(**asdict(each)) for each in self._sides())

    def check(self, given: Mapping[str, int], on_bad: OnBad, work: Work = PACKING) -> None:
        """Check whether the images can be used for training.

        Args:
            given: The number of items of each split.
            on_bad: Whether any problem is an error ("stop").
            work: What was done with the items, for the message.

        Raises:
            UserError: There are problems, a split has no usable image, or scores on the labels
                would mean nothing.
        """
        if self.problems and on_bad == "stop":
            raise UserError(describe_problems(self.problems, sum(given.values()), work))
        for split, count in given.items():
            if not self.ids[split]:
                first = next((each for each in self.problems if each.split == split), "none")
                raise UserError(
                    f"split {split!r} has no usable image: {count} given, all left out; the "
                    f"first: {first}"
                )
        if reason := self.meaningless_labels():
            raise UserError(
                f"scores on these labels would mean nothing, so nothing was {work.done}: {reason}"
            )

    def meaningless_labels(self) -> str | None:
        """Return why no score on these labels would mean anything; None if scores would."""
        packed = {split: counts.pixels for split, counts in self._class_counts.items()}
        return meaningless_labels(self._original, packed, self._classes)

    def warnings(self) -> tuple[str, ...]:
        """Return warnings: findings that do not stop the packing but may affect results."""
        lines = [
            f"{each.left} is left of {each.right} in only {each.share:.0%} of {each.images} "
            "images; 'left' must mean left in the image, or flips teach the wrong side"
            for each in self._sides()
            if each.images and each.share < MIN_SIDE_AGREEMENT
        ]
        lines += [
            f"images of {split} that repeat the pixels of another image of {split}: {count}"
            for split, count in self._repeated.items()
            if count
        ]
        lines += [
            f"images of {split} whose landmarks are missing or wrong, so that no slice by pose "
            f"contains them: {count}"
            for split, count in self._without_pose.items()
            if count
        ]
        lines += [
            f"label maps of {split} with ids that lie between others along borders, as after a "
            f"bilinear resizing; resize masks with nearest: {len(found)}, first {found[0]}"
            for split, found in self._blended.items()
        ]
        lines += [
            f"photographs with images in both splits of {splits}: {count}"
            for splits, count in self.shared_photos().items()
        ]
        return (*lines, *label_warnings(self._original, self._masks, self._classes))

    def _sides(self) -> tuple[SideCounts, ...]:
        found = [counts.sides() for counts in self._class_counts.values()]
        return tuple(
            SideCounts(
                left=same[0].left,
                right=same[0].right,
                images=sum(each.images for each in same),
                kept=sum(each.kept for each in same),
            )
            for same in zip(*found, strict=True)
        )

    def _photos(self, split: str) -> set[str]:
        return {photo_of(name) for name in self.ids[split]}


def _no_pixels() -> Counts:
    return np.zeros(256, dtype=np.int64)
