"""`faceseg convert`: write annotations of another format as a folder in LaPa's layout."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Literal

from rich.console import Console
from rich.progress import Progress

from faceseg.data.formats.conversion import Conversion, convert, counts_text
from faceseg.data.formats.splitting import DEFAULT_SHARES, Shares, check_shares
from faceseg.data.formats.table import find_format, open_annotations
from faceseg.errors import UserError
from pipelines.config.class_file import read_classes

PALETTE_FORMAT = "colours"


def convert_annotations(
    source: Path,
    form: str,
    folder: Path,
    console: Console,
    *,
    classes: str = "lapa",
    shares: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
) -> Conversion:
    """Convert annotations, and print what was done and the next command.

    Args:
        source: The folder or file of the annotations.
        form: The name of their format.
        folder: The folder to write.
        console: Receives a progress bar, warnings and a summary.
        classes: The name of a built-in class set, or a YAML file.
        shares: `TRAIN,VAL,TEST` in per cent, for splits that the format does not have.
        on_bad: Whether to stop at bad pairs with a list of them, or to leave them out.
        overwrite: Whether to replace an earlier conversion.

    Raises:
        UserError: An argument is not valid, or the annotations cannot be converted.
    """
    terms = find_format(form).terms
    chosen = read_classes(classes)
    if chosen.palette is not None and form != PALETTE_FORMAT:
        raise UserError(
            f"{classes} contains a palette, which only the format {PALETTE_FORMAT} has; remove it, "
            f"or give --from {PALETTE_FORMAT}"
        )
    source, folder = source.expanduser(), folder.expanduser()
    annotations = open_annotations(
        form,
        source,
        chosen.class_set,
        rules=chosen.map,
        palette=chosen.palette,
        shares=_shares(shares),
    )
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("converting images", total=None)
        done = convert(
            annotations,
            source,
            folder,
            on_bad=on_bad,
            overwrite=overwrite,
            terms=terms,
            progress=lambda finished, total: bar.update(task, completed=finished, total=total),
        )
    for line in _report(done, folder, classes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return done


def _shares(text: str | None) -> Shares:
    if text is None:
        return DEFAULT_SHARES
    words = text.split(",")
    try:
        return check_shares([int(word) if word.strip().isdecimal() else 0 for word in words])
    except ValueError as error:
        raise UserError(f"--shares {text}: {error}") from error


def _report(done: Conversion, folder: Path, classes: str) -> Sequence[str]:
    """Return the lines that are printed at the end."""
    skipped = [f"left out: {each}" for each in done.problems[:20]]
    if more := len(done.problems) - len(skipped):
        skipped.append(f"left out: {more} more, which {folder / 'conversion.json'} lists")
    terms = [f"terms of use: {done.terms}; `faceseg init` copies them"] if done.terms else []
    return [
        *skipped,
        *done.warnings,
        f"converted: {counts_text(done.counts)} into {folder}, {len(done.classes)} classes",
        *terms,
        "next:",
        f"  faceseg init {quote(str(folder))} --classes {quote(classes)}",
    ]
