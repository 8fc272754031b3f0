"""The occluders of training images as a suite, for pictures of them.

It is not among `SUITES`: a network is never judged on the kinds that it may have been trained on.
"""

from faceseg.data import training_occluders
from faceseg.data.classes import ClassSet
from faceseg.data.training_occluders.placement import SHARES, sample
from faceseg.robustness.seeds import generator_for
from faceseg.robustness.suites import CLEAN, Image, Labels, Suite, View

POLICY = "visible"
SEVERITIES = (SHARES[0], 0.10, 0.20, 0.35, SHARES[1])


def _views(image: Image, labels: Labels, image_id: str, kind: str, classes: ClassSet) -> list[View]:
    if kind == CLEAN:
        return [View(image=image, labels=labels, truth={POLICY: labels})]
    views: list[View] = []
    for severity in SEVERITIES:
        # Each severity has another object: training images show one object at one size.
        generator = generator_for(training_occluders.VERSION, kind, image_id, len(views))
        known = training_occluders.KINDS[training_occluders.KINDS.index(kind)]
        drawn = sample(known, severity, generator)
        occluded, truth = training_occluders.occlude(image, labels, drawn, classes)
        views.append(View(image=occluded, labels=labels, truth={POLICY: truth}))
    return views


TRAINING_OCCLUSION = Suite(
    version=training_occluders.VERSION,
    policies=(POLICY,),
    kinds=lambda classes: training_occluders.KINDS,
    severities=lambda kind: SEVERITIES,
    neutral=lambda kind: 0.0,
    views=_views,
    by_share=True,
)
