from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.compare.report.method import notes


def test_each_row_has_the_columns_of_its_header(report):
    for block in render_markdown(report).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_scores_have_their_spread_and_what_has_none_a_dash(report):
    text = render_markdown(report)
    assert "| unet | 0.550 ± 0.071 |" in text
    assert "| hat | – | – | – |" in text  # noqa: RUF001  # no test image shows one
    assert "nan" not in text


def test_notes_say_on_what_and_of_which_code(report):
    text = " ".join(notes(report.study, report.table))
    for fact in ("6 images", "2 seeds", "fedcba987654", "abcdef012345", "made-12345678"):
        assert fact in text
