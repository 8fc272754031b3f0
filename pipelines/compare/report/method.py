"""What was done and how far it reaches, told from what actually ran."""

from pathlib import Path

import pandas as pd

from faceseg.robustness.suites import SUITES
from pipelines.compare.analysis.comparison_table import other_suites
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.formatting import join_words, readable_name
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.study_data.study_results import StudyResults

FEW_IMAGES = 200  # below it intervals are wide
SAMPLERS = {"tpe": "a tree-structured Parzen estimator", "random": "random draws"}
PRUNERS = {
    "hyperband": "Hyperband gave up on the weakest",
    "halving": "successive halving gave up on the weakest",
    "none": "none was given up early",
}


def method(record: StudyResults, table: pd.DataFrame, evidence: Measurements) -> list[str]:
    """Return the method, a sentence an item."""
    settings, manifest = record.settings, record.manifest
    counts = {name: facts.count for name, facts in manifest.splits.items()}
    names = [each.name for each in record.models]
    height, width = manifest.image_size
    space = join_words([name.replace("_", " ") for name in settings.search.space.tuned()])
    trials = sorted({sum(each.states.values()) for each in record.architectures})
    seeds = sorted({len(each.finals) for each in record.models})
    return [
        f"{join_words(names)} were trained on {counts.get('train', 0)} images of the source "
        f"'{settings.data.source}' brought to {width} x {height} pixels, in {len(record.classes)} "
        "classes.",
        f"Of each architecture {_range(trials)} trials searched {space} on {counts.get('val', 0)} "
        f"validation images, proposed by {SAMPLERS[settings.search.sampler]}; "
        f"{PRUNERS[settings.search.pruner]}.",
        f"The best setting of each was trained again with {_range(seeds)} seed"
        f"{'' if seeds == [1] else 's'}, the epoch chosen on the validation images, and tested "
        f"once on {counts.get('test', 0)} test images at their own size.",
        *_variant_sentences(record),
        *_robustness_sentences(record),
        f"Intervals are at 95 %: {evidence.resamples:,} resamples of whole photographs, the same "
        f"for every network (paired), {_training_noise_phrase(record)}. Single photographs are compared by "
        "Wilcoxon's signed-rank test, corrected by Holm over all pairs. Differences of machines "
        "are ratios, by Welch's t-test over seeds.",
    ]


def limits(report: ComparisonReport) -> list[str]:
    """Return what this study cannot say."""
    record = report.study
    return [
        *_sample_size_limits(report),
        *(_robustness_limit(record)),
        *(
            ["The faces are drawn: nothing here says how networks do on photographs."]
            if record.settings.data.source == "drawn"
            else []
        ),
        "Networks are compared at the settings that this search found with this budget; another "
        "budget may order them otherwise.",
        "The worst of many slices is low by chance too: its interval holds for a slice named "
        "beforehand. Claims are judged one by one, each at 95 %.",
        "Times and memory are of the machines that the finals ran on.",
    ]


def _sample_size_limits(report: ComparisonReport) -> list[str]:
    told = []
    images = len(report.evidence.photos)
    photos = len(set(report.evidence.photos))
    if min(len(each.finals) for each in report.study.models) < 2:
        told.append(
            "One seed of a network: intervals hold the photographs' chance alone, and the same "
            "training with another seed may come out elsewhere. Times and memory have no interval."
        )
    if images < FEW_IMAGES:
        told.append(f"{images} test images are few: intervals are wide, those of slices wider.")
    if photos < images:
        told.append(f"The {images} test images show {photos} photographs; these are resampled.")
    return told


def _robustness_limit(record: StudyResults) -> list[str]:
    final = record.models[0].finals[0]
    used, images = (len(each.coverage) for each in final.records.conditions), len(final.tested.ids)
    least = min(used, default=images)
    if least == images:
        return []
    return [f"Robustness is measured on the first {least} of the {images} test images."]


def notes(record: StudyResults, table: pd.DataFrame) -> list[str]:
    """Say what the numbers are: on what, of how many, and what not to read into them."""
    first = table.iloc[0]
    seeds = int(table["finals"].min())
    spread_note = (
        f"Means and standard deviations (±) are over {seeds} seeds of each winner."
        if seeds > 1
        else "One seed a winner: the spread of training is not known from this study."
    )
    occluded = int(record.models[0].finals[0].rows["occlusion"].images.max())
    return [
        f"Test split of {first['test_images']} images, looked at once a final; scored on each "
        "image's own size; IoU, Dice, precision and recall are means over foreground classes.",
        "Settings and epochs were chosen on the validation split alone. The training loss is of "
        "augmented images, an auxiliary head's included, and may lie above the validation loss.",
        spread_note,
        "The interval beside a score is a 95 % bootstrap over photographs, of these very finals. "
        "Whether two networks differ is told by the paired table, not by two such intervals.",
        f"Occlusion: {occluded} test images, occluders drawn by protocol occ-v1. Kept is the area "
        "under the curve of IoU over the share of the face covered, up to a half, as a share of "
        "the IoU without occlusion; mean over the kinds.",
        *(
            [
                "mCE is the mean over the kinds of corruption of 1 - IoU, divided by that of "
                f"{first['corruption_reference']}, the pinned reference (Hendrycks and Dietterich "
                "2019)."
            ]
            if "corruption_reference" in table
            else []
        ),
        "Latency is of the network alone, one image at batch 1, with the threads given; memory is "
        "the peak of a process that loads it and answers, its framework included.",
        f"{record.manifest.image_size[0]} x {record.manifest.image_size[1]} pixels is the "
        "networks' grid; learning curves are scored on it.",
        f"Data {record.manifest.fingerprint[:12]}, occluders {record.masks[:12] or 'unknown'}, "
        f"commit {record.commit}, study {record.study}.",
    ]


def _variant_sentences(record: StudyResults) -> list[str]:
    """Return what the variants and the ensemble are."""
    told = [
        f"{each.name} is {each.variant_of} with another option, trained at its best setting."
        for each in record.models
        if each.variant_of
    ]
    if any(not each.is_trained for each in record.models):
        told.append("The ensemble is the mean of the architectures' class probabilities.")
    return told


def _robustness_sentences(record: StudyResults) -> list[str]:
    settings = record.settings.robustness
    run = {"occlusion": settings.kinds, "corruption": settings.corruption,
           "geometry": settings.geometry}  # fmt: skip
    present = ["occlusion", *other_suites(record)]
    told = [
        f"{SUITES[name].version} ({join_words([kind.replace('_', ' ') for kind in run[name]])})"
        for name in present
        if run[name]
    ]
    return [
        f"Robustness: {'; '.join(told)}, drawn the same for every network, on up to "
        f"{settings.final_images} test images."
    ]


def _training_noise_phrase(record: StudyResults) -> str:
    if min(len(each.finals) for each in record.models) < 2:
        return "training noise apart where there is one seed"
    return "training noise between seeds included"


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


# --- What was asked of each network, read off its finals' parameters.


def network_options(record: StudyResults) -> dict[str, str]:
    """Return by contender what was asked of its network, as text.

    Weights from a file are named by the file alone: its folder is one machine's affair.
    """
    found = {}
    for each in record.models:
        options = {
            key.removeprefix("network."): value
            for key, value in each.finals[0].params.items()
            if key.startswith("network.") and key != "network.name" and value != "None"
        }
        if "encoder_weights" in options:
            options["encoder_weights"] = Path(options["encoder_weights"]).name
        texts = [f"{readable_name(key)} {value}" for key, value in options.items()]
        of = f"{each.variant_of} with " if each.variant_of else ""
        found[each.name] = (
            of + (", ".join(texts) or "its defaults")
            if each.is_trained
            else ("the mean of the architectures' probabilities")
        )
    return found
