"""`faceseg init`: look at a folder, propose settings, and write the experiment's file."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from faceseg.data.atomic_files import write_atomically
from faceseg.data.class_sets import BUILT_IN
from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.problems import MAX_PROBLEMS_SHOWN
from faceseg.errors import UserError
from pipelines.config import load
from pipelines.config.class_file import is_class_file, read_classes
from pipelines.config.json_schema import SCHEMA_FILE, schema_text
from pipelines.config.names import check_class_names, check_experiment_name
from pipelines.new_experiment.converted_folder import ConvertedFolder, read_converted_folder
from pipelines.new_experiment.experiment_text import experiment_text
from pipelines.new_experiment.folder import (
    FolderFacts,
    choose_classes,
    class_set,
    inspect_folder,
    label_ids,
)
from pipelines.new_experiment.proposal import DRAWN, Proposal, choose_epochs, choose_size

DRAWN_SIDE = 128  # pixels of a drawn face


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers to the questions of `faceseg init`; None: chosen by what the folder contains.

    Attributes:
        folder: The folder of the photographs; None: drawn faces.
        name: The experiment's name; None: the folder's.
        labels: The name of the folder of labels in each split.
        classes: The name of a built-in class set, a YAML file with a class set, or the names of
            the classes in the order of their ids, separated by commas; None: those of
            `faceseg convert`, or what the ids suggest.
        size: Side of the network's input in pixels, a multiple of 32.
        epochs: Epochs of a final.
        trials: Trials of each architecture.
        encoder_weights: `imagenet`, `none`, or a file.
        gpu: Whether to use a GPU; None: if there is one.
    """

    folder: Path | None = None
    name: str | None = None
    labels: str = "labels"
    classes: str | None = None
    size: int | None = None
    epochs: int | None = None
    trials: int = 4
    encoder_weights: str = "imagenet"
    gpu: bool | None = None


def create_experiment(answers: Answers, console: Console, *, overwrite: bool) -> Path:
    """Write `NAME.yaml`, and the JSON Schema beside it, into the current folder.

    Args:
        answers: The answers to the questions.
        console: Receives what was found, and the next commands.
        overwrite: Whether to replace an existing file.

    Returns:
        The file.

    Raises:
        UserError: The folder cannot be used, a value is not valid, or the file exists.
    """
    file = Path(f"{_name(answers)}.yaml")
    if file.exists() and not overwrite:
        raise UserError(f"{file} exists; give another --name, or --overwrite to replace it")
    converted = ConvertedFolder()
    if answers.folder is not None:
        converted = read_converted_folder(answers.folder.expanduser())
    facts, classes = _facts(answers, converted, console)
    gpu = shutil.which("nvidia-smi") is not None if answers.gpu is None else answers.gpu
    folder = None if answers.folder is None else answers.folder.expanduser().resolve()
    proposal = Proposal(
        name=file.stem,
        folder=folder,
        labels=answers.labels,
        classes=classes,
        counts=facts.counts,
        size=answers.size or choose_size(facts.side, gpu=gpu),
        final_epochs=answers.epochs or choose_epochs(facts.counts["train"]),
        trials=answers.trials,
        encoder_weights=answers.encoder_weights,
        gpu=gpu,
        terms=converted.terms,
    )
    _write(file, experiment_text(proposal))
    _report(file, facts, proposal, console)
    return file


def _name(answers: Answers) -> str:
    """Return the experiment's name; raise UserError if it is not valid."""
    if answers.name is None:
        title = answers.folder.expanduser().resolve().name if answers.folder else "drawn"
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-_.").lower()
    else:
        name = answers.name
    try:
        return check_experiment_name(name)
    except ValueError as error:
        raise UserError(f"--name: {error}") from error


def _facts(
    answers: Answers, converted: ConvertedFolder, console: Console
) -> tuple[FolderFacts, ClassSet]:
    if answers.folder is None:
        return FolderFacts(counts=dict(DRAWN), side=DRAWN_SIDE, problems=(), warnings=()), LAPA
    folder = answers.folder.expanduser()
    if answers.classes is not None:
        classes = _classes(answers.classes)
    else:
        classes = converted.classes or choose_classes(label_ids(folder, answers.labels))
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("checking images and labels", total=None)
        facts = inspect_folder(
            folder,
            answers.labels,
            classes,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    return facts, classes


def _classes(text: str) -> ClassSet:
    if text in BUILT_IN or is_class_file(text):
        return read_classes(text).class_set
    names = [each.strip() for each in text.split(",")]
    try:
        check_class_names(names)
        return class_set(names)
    except ValidationError as error:
        raise UserError(f"--classes: {error.errors()[0]['msg']}") from error
    except ValueError as error:
        raise UserError(f"--classes: {error}") from error


def _write(file: Path, text: str) -> None:
    """Write the file and the JSON Schema; nothing is left if it is not a valid experiment."""
    with TemporaryDirectory(prefix="faceseg-") as temporary:
        checked = Path(temporary) / file.name
        checked.write_text(text, encoding="utf-8")
        load(checked)
    files, schema = {file: text}, file.with_name(SCHEMA_FILE)
    if not schema.exists():
        files[schema] = schema_text() + "\n"
    write_atomically({path: content.encode() for path, content in files.items()})


def _report(file: Path, facts: FolderFacts, proposal: Proposal, console: Console) -> None:
    def show(line: str, style: str = "") -> None:
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    for line in facts.problems[:MAX_PROBLEMS_SHOWN]:
        show(f"cannot be used: {line}", "yellow")
    if facts.problems:
        show(
            f"{len(facts.problems)} pairs cannot be used: correct them, or set data.on_bad to skip",
            "yellow",
        )
    for line in facts.warnings:
        show(line, "yellow")
    names = {"lapa": "LaPa's"}.get(proposal.class_set_name, proposal.class_set_name)
    names = names or ", ".join(proposal.classes.names)
    show(f"classes: {names}; if the ids mean others, give their names with --classes")
    show(f"written: {file}. Read its comments, then:")
    show(f"  faceseg prepare {file}")
    show(f"  faceseg study {file}")
