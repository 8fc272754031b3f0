"""The model card of a registered model, in Markdown: purpose, scores with intervals, limits.

After Mitchell et al. 2019 (model cards). Every figure describes this one final. Its intervals
are over resampled photographs, not over repeated trainings; the study's report has both.
"""

import json
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from faceseg.data.classes import ClassSet
from faceseg.data.formats.table import find_format
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.statistics import (
    Estimate,
    Resampling,
    estimate,
    mean_dice,
    mean_iou,
    overlap_counts,
    resample_score,
)
from pipelines.compare.escaping import escape_markdown
from pipelines.config.data_section import Data
from pipelines.job.context import StudyContext
from pipelines.job.gpu_metrics import GPU_IMAGES_PER_SECOND, GPU_LATENCY, GPU_PEAK_MB
from pipelines.job.job import Job

MODEL_CARD = "model_card.md"
FEW_IMAGES = 200  # fewer test images give wide intervals
SOURCE_TERMS = {
    "drawn": "drawn by faceseg itself; free to use",
    "lapa": "LaPa: for non-commercial research only; redistribution is not permitted",
    "directory": "not stated in the experiment (`data.terms`); ask the owner of the images",
}
ON_A_GPU, AFTER_COST = "On a GPU, ", "## Data\n"
Rows = list[dict[str, str]]


def model_card(
    context: StudyContext, job: Job, records: EvaluationRecords, values: Mapping[str, float]
) -> str:
    """Return the model card of a final.

    Args:
        context: The study.
        job: The final.
        records: The evaluation records of its test.
        values: Its final metrics, by their names in MLflow.

    Returns:
        The card as Markdown.

    Raises:
        ValueError: `records` contain no test.
    """
    if records.tested is None:
        raise ValueError("a model card needs the records of a test")
    data, manifest = context.experiment.data, context.manifest
    height, width = data.image_size
    scores, classes = score_rows(records.tested, records, data.class_set)
    return _template().render(
        model=context.experiment.tracking.registered_model,
        architecture=job.key.architecture,
        width=width,
        height=height,
        face_box=data.face_box,
        images=len(records.ids),
        photos=len(set(records.photos)),
        few=len(records.ids) < FEW_IMAGES,
        scores=scores,
        classes=classes,
        kept=retention_rows(values) if records.conditions else None,
        suite_images=len(records.conditions[0].coverage) if records.conditions else 0,
        latency=values["latency/p50_ms"],
        parameters=values["model/parameters"],
        macs=values["model/macs"],
        source=data.source,
        counts=", ".join(f"{each.count:,} {name}" for name, each in manifest.splits.items()),
        fingerprint=manifest.fingerprint,
        terms=data_terms(data),
        skin_tone=any("skin_tone" in each for each in records.facts),
        study=job.study,
        number=job.key.number,
        seed=job.seed,
        commit=context.commit,
        settings=json.dumps(_settings(context, job), separators=(",", ":")),
    )


def _settings(context: StudyContext, job: Job) -> dict[str, Any]:
    """Return the settings of a final, with those of its teacher if it has one."""
    distil = context.experiment.distil
    taught = {"distil": distil.model_dump()} if job.teachers and distil is not None else {}
    return {**job.settings.model_dump(mode="json"), **taught}


def with_gpu_cost(card: str, gpu: str, values: Mapping[str, float]) -> str:
    """Return a card whose section on the cost also has that on a GPU.

    Args:
        card: The card as Markdown.
        gpu: The GPU's name.
        values: The metrics of the GPU, by their names in MLflow.
    """
    figures = [
        text.format(values[name])
        for name, text in (
            (GPU_LATENCY, "{:.1f} ms per image (median, one image per call)"),
            (GPU_IMAGES_PER_SECOND, "{:.0f} images per second (32 per call)"),
            (GPU_PEAK_MB, "{:.0f} MB of its memory at most"),
        )
        if name in values
    ]
    line = f"{ON_A_GPU}{escape_markdown(gpu)}: {'; '.join(figures)}.\n\n"
    before, data, after = card.partition(AFTER_COST)
    return f"{before.partition(ON_A_GPU)[0]}{line}{data}{after}"


def _template() -> Template:
    templates = Environment(
        loader=PackageLoader("pipelines.registry"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # Markdown: the filter `text` escapes the user's text
        keep_trailing_newline=True,
    )
    templates.filters["text"] = escape_markdown
    return templates.get_template(f"{MODEL_CARD}.j2")


def data_terms(data: Data) -> str:
    """Return the terms of use of a data set's images, as far as they are known."""
    if data.terms:
        return data.terms
    if data.has_format and (terms := find_format(data.source).terms):
        return terms
    return SOURCE_TERMS.get(data.source, SOURCE_TERMS["directory"])


def score_rows(
    tested: SplitEvaluation, records: EvaluationRecords, classes: ClassSet
) -> tuple[Rows, Rows]:
    """Return the rows of the mean scores, and those of the classes."""
    overlaps, resampling = overlap_counts(tested.counts)[None], Resampling(records.photos)
    means = {"IoU": mean_iou, "Dice": mean_dice}
    if classes.small:
        means["IoU of the small parts"] = partial(mean_iou, classes=classes.small)
    of_means = [
        {"name": name, **_cells(estimate(resample_score(overlaps, score, resampling)))}
        for name, score in means.items()
    ]
    of_classes = []
    for index, name in enumerate(classes.names):
        found = estimate(resample_score(overlaps, partial(mean_iou, classes=(index,)), resampling))
        red, green, blue = classes.palette[index]
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        of_classes.append({"name": name.replace("_", " "), "colour": colour, **_cells(found)})
    return of_means, of_classes


def _cells(found: Estimate) -> dict[str, str]:
    if math.isnan(found.value):
        return {"value": "not in the test", "interval": ""}
    interval = f"{found.fixed_low:.3f} to {found.fixed_high:.3f}"
    return {"value": f"{found.value:.3f}", "interval": interval}


def retention_rows(values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the retention under each kind of each suite, in ascending order."""
    found = [
        (name.removesuffix("/retention").replace("/", ": ").replace("_", " "), value)
        for name, value in values.items()
        if name.endswith("/retention") and name.count("/") == 2 and math.isfinite(value)
    ]
    return sorted(found, key=lambda each: each[1])
