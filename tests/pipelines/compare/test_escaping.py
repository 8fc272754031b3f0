"""Names of the user's stay names in Markdown, LaTeX, CSV files and the terminal's tables."""

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from pipelines.compare.comparison import _terminal_table, gains_markdown
from pipelines.compare.escaping import csv_text, escape_latex, escape_markdown
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.config.sections import ENSEMBLE, Claim

HOSTILE = (
    "<img src=x onerror=alert(1)> [a](http://evil.example) ![b](c) `code` **bold** _em_ a|b &lt; "
    "~~gone~~ left_eye \\* [/red] http://evil.example #1"
)
MARKUP = {
    *("html_inline", "html_block", "link_open", "image", "code_inline", "em_open", "s_open"),
    *("code_block", "fence", "blockquote_open"),
}


def tokens(markdown: str):
    """Return the tokens of GitHub's Markdown, those within paragraphs and cells too."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for token in parser.parse(markdown):
        yield token
        yield from token.children or ()


@pytest.mark.parametrize("text", [HOSTILE, "# a", "a\n\n# b\r\n- c", "x\u2028y\x00z", "5 < 6 & 7"])
def test_markdown_shows_a_text_as_it_is(text: str):
    found = list(tokens(f"- {escape_markdown(text)}\n"))
    assert not MARKUP & {token.type for token in found}
    assert "heading_open" not in {token.type for token in found}
    shown = "".join(token.content for token in found if token.type in ("text", "text_special"))
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    assert shown == " ".join(words)
    assert "://" not in escape_markdown(text)


def test_a_report_with_hostile_names_has_no_markup_of_theirs(report):
    study = report.study
    names = ("background", "skin", "left_eye", "right_eye", HOSTILE)
    classes = study.classes.model_copy(update={"names": names})
    manifest = study.manifest.model_copy(update={"classes": classes})
    claim = Claim(text=HOSTILE, measure="latency", who=ENSEMBLE, direction="higher")
    hostile = replace(
        report,
        study=replace(study, experiment=HOSTILE, commit=HOSTILE, manifest=manifest),
        table=report.table.rename(columns=lambda name: name.replace("iou/hat", f"iou/{HOSTILE}")),
        advice=[replace(report.advice[0], name=HOSTILE)],
        summary=[HOSTILE],
        own_claims=[replace(report.claims[0], claim=claim)],
    )
    text = render_markdown(hostile)
    assert not MARKUP & {token.type for token in tokens(text)}
    assert "<img" not in text
    assert text.count("onerror") == 6  # title, advice, summary, claim, class, commit


def test_the_terminal_shows_brackets_as_they_are(study):
    console = Console(file=io.StringIO(), width=400, markup=False)  # as that of the verbs
    console.print(_terminal_table(replace(study, name="[/red]"), [["[/blue]"] * 7]))
    assert "[/red]: test split" in console.file.getvalue()
    assert console.file.getvalue().count("[/blue]") == 7


def test_the_table_of_gains_is_escaped():
    row = {"network": HOSTILE, "study": HOSTILE, "iou": 0.5, "low": 0.4, "high": 0.6}
    row |= {"gain": np.nan, "gain_low": np.nan, "gain_high": np.nan, "seeds": 1}
    text = gains_markdown(pd.DataFrame([row]))
    assert not MARKUP & {token.type for token in tokens(text)}
    assert sum(token.type == "td_open" for token in tokens(text)) == 6


def test_a_cell_is_never_a_formula_and_numbers_stay_numbers(tmp_path):
    dangerous = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\uff1d1"]
    harmless = ["unet", "a=b", "-0.5", "+3", "", "5-3"]
    broken = ["\t=1", "x\r=1", "\n@1"]  # a carriage return alone ends a row of some programs
    texts = dangerous + harmless + broken
    table = pd.DataFrame({"=name": texts, "value": [-0.5, *range(len(texts) - 1)]})
    table["missing"] = np.nan
    (tmp_path / "x.csv").write_text(csv_text(table), encoding="utf-8")
    with (tmp_path / "x.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["'=name", "value", "missing"]
    assert [row[0] for row in rows] == [
        *(f"'{text}" for text in dangerous),
        *harmless,
        *("'=1", "x =1", "'@1"),
    ]
    assert rows[0][1:] == ["-0.5", ""]
    read = pd.read_csv(tmp_path / "x.csv")
    assert read["value"].tolist() == table["value"].tolist()


def test_latex_has_no_line_break_or_argument_of_a_name():
    assert escape_latex("a\n\n[b] 5% *") == r"a {[}b{]} 5\% {*}"
