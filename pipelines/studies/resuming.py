"""The conditions under which a study may be resumed: the same images, backend and occluders.

Their values are tags of the study's run. A study that resumed under other conditions would compare
scores that are not comparable. The functions only read: a refusal leaves the study as it was.
"""

import os
from collections.abc import Callable

from mlflow.entities import Run

from faceseg.backends import preferred
from faceseg.errors import UserError
from pipelines.execution.assessment import mask_checksum
from pipelines.job.context import StudyContext


def require_same_images(context: StudyContext, run: Run) -> dict[str, str]:
    """Return the tag of the images; raise UserError if the study was begun on others."""
    now = context.manifest.fingerprint
    return _require_same_tag(
        run,
        "data",
        now,
        lambda begun: (
            f"on images with the fingerprint {begun[:12]}; the present images have {now[:12]}. "
            "Their scores are not comparable: restore the earlier images"
        ),
    )


def require_same_backend(context: StudyContext, run: Run) -> dict[str, str]:
    """Return the tag of Keras's backend; raise UserError if the study was begun on another."""
    now = preferred()
    return _require_same_tag(
        run,
        "backend",
        now,
        lambda begun: (
            f"on {begun}; this process runs on {now}. The same seed gives different weights on "
            f"it, so its trials would belong to another study: set KERAS_BACKEND={begun}"
        ),
    )


def require_same_masks(context: StudyContext, run: Run) -> dict[str, str]:
    """Return the tag of the occluders; raise UserError if the study was begun with others."""
    now = mask_checksum(context, os.cpu_count() or 1)
    return _require_same_tag(
        run,
        "occlusion_masks",
        now,
        lambda begun: (
            f"with occluders whose checksum is {begun[:12]}; this version draws {now[:12]}. "
            "Their scores are not comparable: resume with the version that began it"
        ),
    )


def _require_same_tag(
    run: Run, tag: str, now: str, explain: Callable[[str], str]
) -> dict[str, str]:
    """Return a tag for the study's run; raise UserError if it has another value.

    Args:
        run: The study's run as MLflow has it.
        tag: The tag's name.
        now: The present value.
        explain: Returns, for the tag's value, the rest of the message's first sentence and the
            remedy.
    """
    begun = run.data.tags.get(f"faceseg.{tag}")
    if begun not in (None, now):
        raise UserError(
            f"study {run.data.tags['faceseg.study']} was begun {explain(begun)}, or give the "
            "experiment another name"
        )
    return {tag: now}
