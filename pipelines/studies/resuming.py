"""The conditions under which a study may be resumed: the same images, backend and occluders.

Their values are tags of the study's run. A study that resumed under other conditions would compare
scores that are not comparable.
"""

import os
from collections.abc import Callable

from faceseg.backends import preferred
from faceseg.errors import UserError
from pipelines.execution.assessment import mask_checksum
from pipelines.job.context import StudyContext


def require_same_images(context: StudyContext) -> None:
    """Raise UserError if the study was begun on other images."""
    now = context.manifest.fingerprint
    _require_same_tag(
        context,
        "data",
        now,
        lambda begun: (
            f"on images with the fingerprint {begun[:12]}; the present images have {now[:12]}. "
            "Their scores are not comparable: restore the earlier images"
        ),
    )


def require_same_backend(context: StudyContext) -> None:
    """Raise UserError if the study was begun on another of Keras's backends."""
    now = preferred()
    _require_same_tag(
        context,
        "backend",
        now,
        lambda begun: (
            f"on {begun}; this process runs on {now}. The same seed gives different weights on "
            f"it, so its trials would belong to another study: set KERAS_BACKEND={begun}"
        ),
    )


def require_same_masks(context: StudyContext) -> None:
    """Raise UserError if the study was begun by a version that draws other occluders."""
    now = mask_checksum(context, os.cpu_count() or 1)
    _require_same_tag(
        context,
        "occlusion_masks",
        now,
        lambda begun: (
            f"with occluders whose checksum is {begun[:12]}; this version draws {now[:12]}. "
            "Their scores are not comparable: resume with the version that began it"
        ),
    )


def _require_same_tag(
    context: StudyContext, tag: str, now: str, explain: Callable[[str], str]
) -> None:
    """Set a tag of the study's run, or raise UserError if it has another value.

    Args:
        context: The study.
        tag: The tag's name.
        now: The present value.
        explain: Returns, for the tag's value, the rest of the message's first sentence and the
            remedy.
    """
    begun = context.tracker.client.get_run(context.study_run).data.tags.get(f"faceseg.{tag}")
    if begun not in (None, now):
        context.tracker.end(context.study_run, "FAILED")
        raise UserError(
            f"study {context.experiment.study} was begun {explain(begun)}, or give the "
            "experiment another name"
        )
    context.tracker.set_tags(context.study_run, **{tag: now})
