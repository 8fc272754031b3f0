"""The Markdown report, the LaTeX table and the notes."""

from dataclasses import replace

from pipelines.compare.report.markdown_and_latex import (
    escape_latex,
    render_latex,
    render_markdown,
)
from pipelines.compare.report.method import notes


def test_each_row_has_as_many_columns_as_its_header(report):
    for block in render_markdown(report).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_scores_have_a_deviation_and_undefined_ones_a_dash(report):
    text = render_markdown(report)
    assert "| unet | 0.550 ± 0.071 |" in text
    assert "| hat | – | – | – |" in text  # noqa: RUF001  # no test image shows a hat
    assert "nan" not in text


def test_columns_say_whether_they_are_of_the_cpu_or_of_the_gpu(report):
    cpu = render_markdown(report)
    assert "| latency p50, ms | p95, ms |" in cpu
    assert "GPU" not in cpu
    gpu = {
        "latency_gpu_p50_ms": 1.5,
        "latency_gpu_p95_ms": 2.0,
        "throughput_gpu_images_per_second": 900.0,
        "memory_gpu_peak_mb": 640.0,
    }
    both = render_markdown(replace(report, table=report.table.assign(**gpu)))
    assert "| CPU latency p50, ms | CPU p95, ms | CPU threads | CPU load | parameters |" in both
    assert "| CPU peak memory, MB | on disk, MB | GPU latency p50, ms | GPU p95, ms |" in both
    assert "| GPU images/s | GPU peak memory, MB |\n" in both
    assert "| 1.5 | 2.0 | 900 | 640 |\n" in both
    assert "Columns of the GPU are measured at the end of a study" in both


def test_the_jawline_is_shown_where_it_was_measured(report):
    assert "jawline" not in render_markdown(report)
    measured = report.table.assign(jawline_distance=[1.234, 2.0, 3.0], jawline_distance_sd=0.1)
    assert "| jawline, % |\n" in render_markdown(replace(report, table=measured))
    assert "1.23" in render_markdown(replace(report, table=measured))


def test_notes_contain_the_sample_and_the_identifiers(report):
    text = " ".join(notes(report.study, report.table))
    for fact in ("6 images", "2 seeds", "fedcba987654", "abcdef012345", "made-12345678"):
        assert fact in text


def test_latex_has_one_row_per_network(report):
    text = render_latex(report.study, report.table)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert {row.count(" & ") for row in rows} == {8}
    assert r"unet & $0.550 \pm 0.071$" in text
    assert "nan" not in text


def test_special_characters_are_escaped():
    assert escape_latex(r"a_b & 5% {x} \~^#$") == (
        r"a\_b \& 5\% \{x\} \textbackslash{}\textasciitilde{}\textasciicircum{}\#\$"
    )
