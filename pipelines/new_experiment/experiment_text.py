"""An experiment's file with its comments, from a proposal."""

import json
from collections.abc import Iterator

import yaml

from pipelines.config.json_schema import EDITOR_LINE, SCHEMA_FILE
from pipelines.new_experiment.proposal import Proposal


def experiment_text(proposal: Proposal) -> str:
    """Return the text of the YAML file."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(new: Proposal) -> Iterator[str]:
    file = f"{new.name}.yaml"
    counts = ", ".join(f"{count} {split}" for split, count in new.counts.items())
    images = "drawn faces" if new.folder is None else "own photographs"
    yield EDITOR_LINE.format(path=SCHEMA_FILE)
    yield f"# Purpose:  three architectures on {images}: {counts}."
    yield f"# Command:  faceseg study {file}"
    yield f"# Hardware: {_hardware(new)}."
    yield "# Time:     the study prints it after its first trial."
    yield "# Measured: nothing yet; write the test IoU of the report here."
    yield f"name: {_plain(new.name)}"
    yield f"description: {_plain(f'Three architectures on {images} at {new.size} px.')}"
    yield "data:"
    yield from _data(new)
    yield f"  image_size: [{new.size}, {new.size}]  # rows and columns, multiples of 32"
    yield "architectures:"
    for name in ("unet", "pspnet"):
        yield f"  {name}:"
        yield "    alpha: 0.35  # factor on the filters of the encoder; 1.0 is slower, often better"
        yield "    width: 0.5"
        yield f"    encoder_weights: {_plain(new.encoder_weights)}"
        yield "    batch_norm_momentum: 0.9  # for trainings of a few hundred steps"
    yield "  segnet: {width: 0.25, batch_norm_momentum: 0.9}"
    yield "training:"
    yield f"  epochs: {new.epochs}  # of a trial"
    yield "search:"
    yield f"  trials: {new.trials}  # of each architecture; more can be added later"
    yield "  space:"
    yield "    learning_rate: {low: 1.0e-3, high: 1.0e-2, log: true}"
    yield f"    batch_size: {{choices: {list(new.batch_sizes)}}}"
    yield "  first:"
    yield f"    - {{learning_rate: 5.0e-3, batch_size: {new.batch_sizes[1]}}}"
    yield "  random_trials: 2"
    yield "  pruner: halving"
    yield f"  grace_epochs: {max(2, new.epochs // 3)}  # no trial is pruned before"
    yield "finals:"
    yield "  seeds: 2  # trainings of each winner; 3 and more allow claims about architectures"
    yield f"  epochs: {new.final_epochs}"
    yield "robustness:"
    yield f"  kinds: [{', '.join(new.kinds)}]  # occluders"
    yield f"  trial_images: {min(50, new.counts['val'])}"
    yield f"  final_images: {min(500, new.counts['test'])}"
    yield "resources:  # faceseg tune-machine measures which split of this machine is fastest"
    for key, value in new.resources.items():
        yield f"  {key}: {value:g}"


def _data(new: Proposal) -> Iterator[str]:
    if new.folder is None:
        drawn = ", ".join(f"{split}: {count}" for split, count in new.counts.items())
        yield "  source: drawn"
        yield f"  drawn: {{{drawn}, size: 128}}"
        return
    yield "  source: directory"
    yield f"  path: {_plain(str(new.folder))}"
    if new.labels != "labels":
        yield f"  labels: {_plain(new.labels)}"
    yield "  on_bad: stop  # skip: leave out the pairs that cannot be used"
    terms = json.dumps(new.terms, ensure_ascii=False)
    yield f"  terms: {terms}  # terms of use of the photographs, printed in model cards"
    if new.class_set_name:
        yield f"  classes: {new.class_set_name}"
        return
    yield "  classes:  # in the order of the ids"
    content = new.classes.model_dump(mode="json")
    yield f"    names: [{', '.join(_plain(name) for name in content.pop('names'))}]"
    for key, value in content.items():
        yield f"    {key}: {json.dumps(value)}{COMMENTS.get(key, '')}"


COMMENTS = {
    "pairs": "  # [left, right]: ids that a mirrored image exchanges",
    "small": "  # averaged as iou_small",
    "face": "  # what occluders cover",
    "eyes": "  # where sunglasses are drawn",
}


def _hardware(new: Proposal) -> str:
    if new.gpu:
        return "one GPU, shared by two workers"
    return f"{round(new.resources['workers'] * new.resources['cpus'])} CPU cores, 8 GB of memory"


def _plain(text: str) -> str:
    """Return text as a YAML value, quoted where YAML requires it."""
    dumped: str = yaml.safe_dump(text, allow_unicode=True, width=10_000)
    return dumped.removesuffix("\n").removesuffix("\n...")
