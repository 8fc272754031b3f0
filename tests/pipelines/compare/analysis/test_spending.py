"""What a study has spent, as columns and a note of its report."""

from dataclasses import replace

import numpy as np

from pipelines.compare.analysis.comparison_table import build_table
from pipelines.compare.analysis.spending import budget_sentences
from pipelines.compare.report import comparison_report, html_page
from pipelines.compare.report.cells import filled_columns, table_texts
from pipelines.compare.report.columns import cost_columns
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.config.costs import Budget, Prices
from pipelines.job.spent import Spent

SPENT = {
    "unet": Spent(seconds=7200, cpu_seconds=14400, kwh=0.5, estimated_kwh=0.5),
    "segnet": Spent(seconds=60, cpu_seconds=120, unknown=("CPU",)),
}


def texts(study):
    """Return the cells of what was spent, by model and heading."""
    table = build_table(study, 50)
    columns = filled_columns(cost_columns(table), table)
    return {
        row[0]: dict(zip([column.heading for column in columns], row, strict=True))
        for row in table_texts(columns, table)
    }


def test_the_report_has_what_each_network_has_spent(study, monkeypatch):
    prices = Prices(cpu_hour=0.5)
    resources = study.settings.resources.model_copy(update={"prices": prices})
    settings = study.settings.model_copy(update={"resources": resources})
    spent = replace(study, spent=SPENT, settings=settings)
    found = texts(spent)
    assert found["unet"]["worker time"] == "2.0 h"
    assert found["unet"]["CPU time"] == "4.0 h"
    assert found["unet"]["energy, kWh"] == "0.5 (estimated)"
    assert found["unet"]["money"] == "2"
    assert found["segnet"]["energy, kWh"] == "–"  # noqa: RUF001
    assert "GPU time" not in found["unet"]  # no worker used one
    assert np.isnan(build_table(spent, 50).set_index("architecture").spent_seconds["pspnet"])
    monkeypatch.setattr(comparison_report, "draw_figures", lambda *_: {})
    report = comparison_report.build_report(spent, resamples=50)
    text = render_markdown(report)
    assert "0.5 (estimated)" in text
    assert "also of attempts that were killed" in text
    headings = [
        each.heading for each in html_page._table_context(report)["tables"]["cost"]["columns"]
    ]
    assert "energy, kWh" in headings


def test_the_method_names_the_budget(study):
    assert budget_sentences(study) == []
    search = study.settings.search.model_copy(update={"budget": Budget(gpu_hours=8, money=20)})
    settings = study.settings.model_copy(update={"search": search})
    (sentence,) = budget_sentences(replace(study, settings=settings))
    assert "a budget of 8 gpu_hours, 20 money, divided equally" in sentence


def test_a_study_of_an_earlier_version_has_no_such_columns(study):
    assert study.spent == {}
    assert "worker time" not in texts(study)["unet"]
    assert not [name for name in build_table(study, 50) if name.startswith("spent")]
