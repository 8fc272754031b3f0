"""The three suites: occluders (`occ-v1`), corruptions (`cor-v1`), geometry (`geo-v1`)."""

from faceseg.classes import ClassSet
from faceseg.robustness import corruption, geometry, occlusion
from faceseg.robustness.views import AGREEMENT, CLEAN, Image, Labels, Suite, View

TRUTH = "truth"  # the policy of suites in which an image keeps its labels, moved or not


def _nothing_at_zero(kind: str) -> float:
    return 0.0


def _occluded(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, dict.fromkeys(occlusion.POLICIES, labels))]
    steps = occlusion.severities(kind)
    drawn = occlusion.occlude_each(image, labels, image_id, kind, steps, classes)
    return [
        View(
            each.image,
            labels,
            {policy: occlusion.relabel(labels, each, policy) for policy in occlusion.POLICIES},
            occlusion=each,
        )
        for each in drawn
    ]


def _corrupted(
    image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet
) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, {TRUTH: labels})]
    images = corruption.corrupt_each(image, image_id, kind, corruption.SEVERITIES)
    return [View(each, labels, {TRUTH: labels}) for each in images]


def _moved(image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet) -> list[View]:
    if kind == CLEAN:
        return [View(image, labels, {TRUTH: labels}, lambda clean: clean)]
    moves = geometry.moves(labels, image_id, kind, classes)
    return [
        View(each.image(image), labels, {TRUTH: each.labels(labels)}, each.labels) for each in moves
    ]


OCCLUSION = Suite(
    version=occlusion.VERSION,
    policies=occlusion.POLICIES,
    kinds=occlusion.kinds_for,
    severities=occlusion.severities,
    neutral=_nothing_at_zero,
    views=_occluded,
    by_share=True,
)
CORRUPTION = Suite(
    version=corruption.VERSION,
    policies=(TRUTH,),
    kinds=lambda classes: corruption.KINDS,
    severities=corruption.severities,
    neutral=_nothing_at_zero,
    views=_corrupted,
)
GEOMETRY = Suite(
    version=geometry.VERSION,
    policies=(TRUTH, AGREEMENT),
    kinds=lambda classes: geometry.KINDS,
    severities=geometry.severities,
    neutral=geometry.neutral,
    views=_moved,
)
SUITES = {"occlusion": OCCLUSION, "corruption": CORRUPTION, "geometry": GEOMETRY}
