"""What one pass over a source finds: pairs that are wrong, and facts about those that are not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations

from faceseg.data.class_counts import ClassCounts, SideCounts
from faceseg.data.classes import ClassSet
from faceseg.data.manifest import SideFacts, SplitFacts
from faceseg.data.preprocessing import PreparedPair
from faceseg.data.problems import PairProblem
from faceseg.data.split import photo_of

# LaPa's convention holds on 95 % of the images and more; below it, left and right are
# exchanged or the labels follow another convention.
MIN_SIDE_AGREEMENT = 0.95


class Findings:
    """Adds up item after item; knows which pictures it has met."""

    def __init__(self, classes: ClassSet) -> None:
        self.problems: list[PairProblem] = []
        self.ids: dict[str, list[str]] = defaultdict(list)
        self._tallies: dict[str, ClassCounts] = defaultdict(lambda: ClassCounts(classes))
        self._repeated: dict[str, int] = defaultdict(int)
        self._without_pose: dict[str, int] = defaultdict(int)
        self._met: dict[bytes, tuple[str, str]] = {}

    def add(self, split: str, taken: PreparedPair | PairProblem) -> PreparedPair | None:
        """Note one item; return it if it is to be packed."""
        if isinstance(taken, PairProblem):
            self.problems.append(taken)
            return None
        first = self._met.setdefault(taken.digest, (split, taken.id))
        if first[0] != split:
            self.problems.append(
                PairProblem(
                    split=split,
                    id=taken.id,
                    file=f"{split}/{taken.id}",
                    wrong=f"the same picture as {first[0]}/{first[1]}",
                    expected="no picture in two splits",
                )
            )
            return None
        self._repeated[split] += first[1] != taken.id
        self._without_pose[split] += "landmarks" in taken.facts
        self.ids[split].append(taken.id)
        self._tallies[split].add(taken.columns)
        return taken

    def splits(self, digests: Mapping[str, str], order: Sequence[str]) -> dict[str, SplitFacts]:
        """Return the facts of each split, in the order given."""
        return {
            split: SplitFacts(
                count=len(self.ids[split]),
                photos=len(self._photos(split)),
                repeated=self._repeated[split],
                class_shares=self._tallies[split].shares(),
                digest=digests[split],
            )
            for split in order
        }

    def shared_photos(self) -> dict[str, int]:
        """Return, for each two splits that share photographs, how many: {'test+train': 3}."""
        shared = {
            f"{one}+{other}": len(self._photos(one) & self._photos(other))
            for one, other in combinations(self.ids, 2)
        }
        return {splits: count for splits, count in shared.items() if count}

    def sides(self) -> tuple[SideFacts, ...]:
        """Return the left/right order over all splits together."""
        return tuple(SideFacts(**asdict(each)) for each in self._sides())

    def warnings(self) -> tuple[str, ...]:
        """Return what is not wrong but should be known before a result is believed."""
        lines = [
            f"{each.left} lies left of {each.right} in only {each.share:.0%} of {each.images} "
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
            f"holds them: {count}"
            for split, count in self._without_pose.items()
            if count
        ]
        lines += [
            f"photographs with images in both splits of {splits}: {count}"
            for splits, count in self.shared_photos().items()
        ]
        for split, tally in self._tallies.items():
            if absent := [name for name, share in tally.shares().items() if not share]:
                lines.append(f"classes that occur nowhere in {split}: {', '.join(absent)}")
        return tuple(lines)

    def _sides(self) -> tuple[SideCounts, ...]:
        found = [tally.sides() for tally in self._tallies.values()]
        return tuple(
            SideCounts(
                same[0].left,
                same[0].right,
                sum(each.images for each in same),
                sum(each.kept for each in same),
            )
            for same in zip(*found, strict=True)
        )

    def _photos(self, split: str) -> set[str]:
        return {photo_of(name) for name in self.ids[split]}
