"""Verbs that meet experiments and packs, in an empty folder."""

import os
from functools import cache
from pathlib import Path

from tests.hostile.hostile_file import Materials
from tests.hostile.outcome import Outcome, Verb, command

FEW = tuple(f"--set=data.drawn.{split}=2" for split in ("train", "val", "test"))


@cache
def experiment_verbs() -> dict[str, list[str]]:
    """Return the verbs that take an experiment, with the words that each needs after it."""
    from typer.main import get_command

    from pipelines.cli import app

    needed = {"train": ["unet"]}
    listed = get_command(app).commands.items()  # type: ignore[attr-defined]
    return {
        verb: needed.get(verb, [])
        for verb, found in listed
        if {each.name for each in found.params} & {"experiment", "experiments"}
    }


def _every_experiment_verb(file: Path, _: Materials) -> Outcome:
    """Run all verbs; the outcome is that of the first one that did not refuse the file."""
    os.rename(file, file.name)
    for verb, more in experiment_verbs().items():
        outcome = command(verb, file.name, *more)
        if outcome.code != 2 or "Traceback" in outcome.text:
            return Outcome(1, f"{verb}: exit {outcome.code}: {outcome.text}")
    lost = " and ".join(str(each) for each in Path().iterdir() if each.name != file.name)
    return Outcome(2, outcome.text, f"a clean folder: {lost}" if lost else "")


def _set_file(file: Path, _: Materials) -> Outcome:
    return command("prepare", "quickstart", *FEW, f"--set=@{file}")


def _base(file: Path, _: Materials) -> Outcome:
    Path("derived.yaml").write_text(f"base: {file}\n")
    return command("prepare", "derived.yaml", *FEW)


def _prepare_packed(file: Path, materials: Materials) -> Outcome:
    """Prepare what is packed already; a pack that was damaged is rebuilt, and is equal."""
    storage = next(each for each in file.parents if each.name == "results")
    outcome = command("prepare", materials.experiment, f"--set=storage={storage}")
    same = outcome.code != 0 or materials.summary in outcome.text
    return outcome._replace(lost="" if same else f"the images: expected {materials.summary}")


EXPERIMENT_VERBS: dict[str, Verb] = {
    "every verb of an experiment": _every_experiment_verb,
    "--set @FILE": _set_file,
    "base": _base,
    "prepare, packed": _prepare_packed,
}
