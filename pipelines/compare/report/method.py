"""The method, the limits and the notes of the report, generated from what the study ran."""

from pathlib import Path

import pandas as pd

from faceseg.robustness.suites import SUITES
from pipelines.compare.analysis.comparison_table import other_suites
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.analysis.spending import budget_sentences, spent_notes
from pipelines.compare.formatting import join_words, readable_name
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy
from pipelines.config.names import is_ensemble, is_mirrored, mirrored_name

FEW_IMAGES = 200  # with fewer test images, intervals are wide
SAMPLERS = {"tpe": "A tree-structured Parzen estimator", "random": "Random sampling"}
PRUNERS = {
    "hyperband": "Hyperband pruned the weakest trials",
    "halving": "successive halving pruned the weakest trials",
    "none": "no trial was pruned",
}


def method(study: ComparedStudy, table: pd.DataFrame, measurements: Measurements) -> list[str]:
    """Return the sentences of the method."""
    settings, manifest = study.settings, study.manifest
    counts = {name: facts.count for name, facts in manifest.splits.items()}
    names = [model.name for model in study.models if model.is_trained]
    height, width = manifest.image_size
    space = join_words([name.replace("_", " ") for name in settings.search.space.tuned()])
    trials = sorted({sum(model.states.values()) for model in study.architectures})
    seeds = sorted({len(model.finals) for model in study.models if not model.is_judged})
    return [
        f"{join_words(names)} were trained on {counts.get('train', 0)} images of the source "
        f"'{settings.data.source}', resized to {width} x {height} pixels, with "
        f"{len(study.classes)} classes.",
        f"For each architecture, {_range(trials)} trials searched {space} on "
        f"{counts.get('val', 0)} validation images.",
        f"{SAMPLERS[settings.search.sampler]} proposed the settings; "
        f"{PRUNERS[settings.search.pruner]}.",
        *budget_sentences(study),
        *study.warm_start_sentences,
        f"The best setting of each was trained again with {_range(seeds)} "
        f"seed{'' if seeds == [1] else 's'}.",
        "The epoch of a final run was chosen on the validation images, and the run was tested "
        f"once on {counts.get('test', 0)} test images at their original size.",
        *variant_sentences(study),
        *study.judged_sentences,
        *_robustness_sentences(study),
        f"Intervals are 95 % bootstrap intervals: {measurements.resamples:,} resamples of whole "
        "photographs, the same for every network (paired).",
        _training_noise_sentence(study),
        "Single photographs are compared with Wilcoxon's signed-rank test and Holm's correction "
        "over all pairs.",
        "Speed, size and convergence are compared as ratios, with Welch's t-test over seeds.",
    ]


def limits(report: ComparisonReport) -> list[str]:
    """Return the limits of the study, as sentences."""
    study = report.study
    drawn = study.settings.data.source == "drawn"
    return [
        *_sample_size_limits(report),
        *_robustness_limit(study),
        *(["The faces are drawn; no network was tested on photographs."] if drawn else []),
        "Networks are compared with the settings that this search found within its budget. "
        "Another budget may give another order.",
        "The worst of many slices is partly low by chance: its interval is valid only for a slice "
        "chosen in advance. Each claim is judged alone, at 95 %.",
        "Times and memory depend on the machines on which the final runs ran.",
    ]


def _sample_size_limits(report: ComparisonReport) -> list[str]:
    sentences = []
    images = len(report.measurements.photos)
    photos = len(set(report.measurements.photos))
    if _fewest_seeds(report.study) < 2:
        sentences.append(
            "With one seed, intervals cover only the choice of photographs: the same training "
            "with another seed may give another result. Times and memory have no interval."
        )
    if images < FEW_IMAGES:
        sentences.append(
            f"{images} test images are few: intervals are wide, and wider still on slices."
        )
    if photos < images:
        sentences.append(
            f"The {images} test images come from {photos} photographs. Photographs are resampled, "
            "not images."
        )
    return sentences


def _robustness_limit(study: ComparedStudy) -> list[str]:
    final = study.models[0].finals[0]
    used, images = (len(each.coverage) for each in final.records.conditions), len(final.tested.ids)
    least = min(used, default=images)
    if least == images:
        return []
    return [f"Robustness was measured on the first {least} of the {images} test images."]


def notes(study: ComparedStudy, table: pd.DataFrame) -> list[str]:
    """Return the notes: how to read the numbers, and what data and code they come from."""
    first = table.iloc[0]
    seeds = _fewest_seeds(study)
    spread_note = (
        f"Means and standard deviations (±) are over {seeds} seeds of each winner."
        if seeds > 1
        else "Each winner was trained with one seed: the spread between trainings is unknown."
    )
    occluded = int(study.models[0].finals[0].rows["occlusion"].images.max())
    height, width = study.manifest.image_size
    return [
        f"The test split has {first['test_images']} images. Each final run was tested on it once, "
        "at each image's original size. IoU, Dice, precision and recall are means over the "
        "foreground classes.",
        "Settings and epochs were chosen on the validation split only. The training loss is "
        "computed on augmented images and includes the loss of an auxiliary head, so it may be "
        "higher than the validation loss.",
        spread_note,
        "The interval of a score is a 95 % bootstrap interval over photographs, for these final "
        "runs. To decide whether two networks differ, use the table of pairs, not two such "
        "intervals.",
        f"Occlusion was tested on {occluded} test images, with occluders drawn by protocol occ-v1. "
        "Retention is the area under the curve of IoU over the share of the face covered, up to a "
        "half, divided by the same area without loss of IoU; it is averaged over the kinds.",
        *_corruption_error_note(table),
        "Latency is that of the network alone, for one image per batch, with the given number of "
        "threads. It is measured again at the end of a study, with all workers at rest, if other "
        "programs kept more than a quarter of a core busy at first. 'load' is the number of cores "
        "that they kept busy in the measurement that counts; speeds that were measured on a busy "
        "machine are not compared. Memory is the peak of a process that loads the network and "
        "predicts, including its framework.",
        *_gpu_note(table),
        *spent_notes(study),
        f"The networks' input has {width} x {height} pixels; learning curves are computed at this "
        "size.",
        f"Identifiers: data {study.manifest.fingerprint[:12]}, occluders "
        f"{study.masks[:12] or 'unknown'}, commit {study.commit}, study {study.name}.",
    ]


def _gpu_note(table: pd.DataFrame) -> list[str]:
    if "latency_gpu_p50_ms" not in table:
        return []
    return [
        "Columns of the GPU are measured at the end of a study, one final after the other in a "
        "process of its own with a worker's share of a GPU, while no worker runs. Latency and "
        "images per second include the copies of images to the GPU and of logits from it. GPU "
        "memory is the peak that the framework allocates while it predicts 32 images at once; the "
        "process's context takes some more. Runs have the tag faceseg.gpu with the GPU's name."
    ]


def _corruption_error_note(table: pd.DataFrame) -> list[str]:
    if "corruption_reference" not in table:
        return []
    return [
        f"mCE is 1 - IoU divided by that of {table['corruption_reference'].iloc[0]}, the pinned "
        "reference, averaged over the kinds of corruption (Hendrycks and Dietterich 2019)."
    ]


def variant_sentences(study: ComparedStudy) -> list[str]:
    """Return a sentence on each variant, taught network and ensemble, and on mirrored means."""
    sentences = [
        f"{model.name} is {model.variant_of} with one option changed, trained with the best "
        f"setting of {model.variant_of}."
        for model in study.models
        if model.variant_of and not model.taught_by
    ]
    sentences += [_taught_sentence(model) for model in study.models if model.taught_by]
    names = [model.name for model in study.models]
    sentences += [
        f"{model.name} averages the class probabilities of {join_words(model.members)}."
        for model in study.models
        if is_ensemble(model.name)
    ]
    if any(is_mirrored(name) for name in names):
        sentences.append(
            f"A name that ends with {mirrored_name('')} is the same network with the mean of the "
            "logits of each image and of its mirror image, which takes twice the operations."
        )
    return sentences


def _taught_sentence(model: ComparedModel) -> str:
    params = model.finals[0].params
    return (
        f"{model.name} is {model.variant_of} trained with the same settings and seeds, and with "
        f"the probabilities of {model.taught_by} as a further term of the loss (weight "
        f"{params['distil.weight']}, temperature {params['distil.temperature']})."
    )


def _robustness_sentences(study: ComparedStudy) -> list[str]:
    settings = study.settings.robustness
    kinds = {"occlusion": settings.kinds, "corruption": settings.corruption,
             "geometry": settings.geometry}  # fmt: skip
    suites = [
        f"{SUITES[name].version} ({join_words([kind.replace('_', ' ') for kind in kinds[name]])})"
        for name in ["occlusion", *other_suites(study)]
        if kinds[name]
    ]
    if not suites:
        return []
    return [
        f"Robustness was tested under {join_words(suites)}, identically for every network, on up "
        f"to {settings.final_images} test images."
    ]


def _training_noise_sentence(study: ComparedStudy) -> str:
    if min(len(model.finals) for model in study.models) < 2:
        return "They exclude training noise where a network has one seed."
    return "They include training noise between seeds where two networks are compared."


def _fewest_seeds(study: ComparedStudy) -> int:
    """Return the smallest number of final runs of a model of the study itself."""
    return min(len(model.finals) for model in study.models if not model.is_judged)


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def network_options(study: ComparedStudy) -> dict[str, str]:
    """Return the options of each model's network as text, by the model's name.

    A file of weights is shown without its folder, which differs between machines.
    """
    texts = {}
    for model in study.models:
        options = {
            key.removeprefix("network."): value
            for key, value in model.finals[0].params.items()
            if key.startswith("network.") and key != "network.name" and value != "None"
        }
        if "encoder_weights" in options:
            options["encoder_weights"] = Path(options["encoder_weights"]).name
        words = [f"{readable_name(key)} {value}" for key, value in options.items()]
        variant = f"{model.variant_of} with " if model.variant_of else ""
        if model.taught_by:
            variant = f"{model.variant_of} taught by {model.taught_by}, with "
        if is_ensemble(model.name):
            texts[model.name] = f"mean of the class probabilities of {join_words(model.members)}"
        elif model.is_trained or model.is_judged:
            texts[model.name] = variant + (", ".join(words) or "default options")
        else:
            texts[model.name] = f"{join_words(model.members)}, averaged with its mirror image"
    return texts
