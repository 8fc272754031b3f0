"""The HTML page: its sections, its safety with hostile names, its text."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd

from pipelines.compare.formatting import DASH, TextTable
from pipelines.compare.report import comparison_text
from pipelines.compare.report.advice import use_command
from pipelines.compare.report.comparison_report import build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.compare.report.method import network_options, variant_sentences
from pipelines.config.sections import ENSEMBLE, Claim

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = "\"><script>alert(1)</script> $\\bad_{ & '"


class Reader(HTMLParser):
    """Collects tags, attributes and text of a page; fails on a tag that is closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def with_others(study):
    """Return a variant of the first architecture, and an ensemble, which is not trained."""
    first = study.models[0]
    finals = tuple(
        replace(
            final,
            params={},
            history=pd.DataFrame(),
            metrics={
                name: value
                for name, value in final.metrics.items()
                if name not in ("seconds/training", "epochs")
            },
        )
        for final in first.finals
    )
    return (
        replace(first, name=f"{HOSTILE}-scratch", variant_of=HOSTILE, trials=first.trials[:1]),
        replace(first, name=ENSEMBLE, finals=finals, trials=()),
    )


def test_every_architecture_class_and_identifier_is_shown(study, html):
    text = read(html).text
    for word in ("unet", "pspnet", "segnet", "skin", "left eye", "right eye", "hat"):
        assert word in text
    for word in (study.commit, study.manifest.fingerprint, study.name, study.description):
        assert word in text


def test_sections_come_in_order(html):
    titles = re.findall("<h2 id=.*?>(.*?)</h2>", html)
    assert titles == [
        "Which network to use",
        "Results",
        "Comparison of every two networks",
        "Claims of the reference study",
        "IoU by class",
        "IoU under occlusion",
        "IoU by class and kind of occlusion",
        "Slices of the test images",
        "Cost and accuracy",
        "The worst test images",
        "Test images with true and predicted masks",
        "Confusion matrices",
        "Learning curves of the final runs",
        "What mattered in the search",
        "Time of the workers",
        "Formulas of the reference study, for comparison only",
        "Method",
        "Limits",
        "Notes",
    ]


def test_the_contents_link_to_every_section(html):
    reader = read(html)
    anchors = [value for tag, name, value in reader.attributes if (tag, name) == ("h2", "id")]
    links = [value for tag, name, value in reader.attributes if (tag, name) == ("a", "href")]
    assert len(set(anchors)) == len(anchors) == 19
    assert links == [f"#{anchor}" for anchor in anchors] * 2  # at the side, and on a phone on top


def test_the_command_below_the_answer_uses_its_network(study, report, html):
    command = "faceseg predict models:/faceseg@best-segnet PHOTOS --out masks"
    assert f"<pre>{command}</pre>" in html
    elsewhere = replace(study, tracking_uri="http://me:geheim@host:5000")
    assert use_command(elsewhere, "segnet") == f"{command} --tracking 'http://me:***@host:5000'"


def test_what_has_only_dashes_is_left_out(study):
    """No network has learned anything, so each share of the clean score is undefined."""
    lacking = ("occlusion/retention", "occlusion/blob/retention", "occlusion/eye_band/retention")
    models = []
    for model in study.models:
        finals = []
        for final in model.finals:
            metrics = {**final.metrics, **dict.fromkeys(lacking, math.nan)}
            del metrics["latency/load"]  # not logged by earlier versions
            records = replace(final.records, baseline_iou=0.99)
            finals.append(replace(final, metrics=metrics, records=records))
        models.append(replace(model, finals=tuple(finals)))
    report = build_report(replace(study, models=tuple(models)), resamples=50)
    page, markdown = render_html(report), render_markdown(report)
    assert "cores busy with other programs" not in page
    for text in (page, markdown):
        assert "Retention by kind of occlusion" not in text
        assert "boundary IoU" in text
    for table in re.findall("<table.*?</table>", page, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        cells = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in rows]
        columns = list(zip(*(row for row in cells if row), strict=False))
        assert columns
        assert not any(all(cell.strip() == DASH for cell in column) for column in columns)


def test_no_number_is_nan_and_an_absent_class_has_a_note(html):
    text = read(html).text
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)
    assert "no test image shows hat" in text


def test_the_page_has_no_scripts_and_no_external_files(html):
    reader = read(html)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    linked = [value for _, name, value in reader.attributes if name in ("src", "href", "srcset")]
    fetched = [value for value in linked if not value.startswith("#")]
    assert len(fetched) == 8
    assert all(value.startswith("data:image/") for value in fetched)
    style = re.search("<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_every_figure_has_a_caption_and_a_text_alternative(html):
    reader = read(html)
    texts = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert len(texts) == 8
    assert all(len(text) > 30 for text in texts)
    assert reader.tags.count("figcaption") == reader.tags.count("figure") == 8


def test_hostile_names_are_escaped_everywhere(study):
    classes = study.classes.model_copy(
        update={"names": ("background", "skin", "left_eye", "right_eye", HOSTILE)}
    )
    splits = {
        name: facts.model_copy(update={"class_shares": {HOSTILE: 0.0}})
        for name, facts in study.manifest.splits.items()
    }
    manifest = study.manifest.model_copy(update={"classes": classes, "splits": splits})
    models = (replace(study.models[0], name=HOSTILE), *with_others(study))
    hostile = replace(
        study,
        experiment=HOSTILE,
        description=HOSTILE,
        commit=HOSTILE,
        manifest=manifest,
        models=models,
    )
    claim = Claim(text=HOSTILE, measure="latency", who=ENSEMBLE, direction="higher")
    reader = read(render_html(build_report(hostile, (claim,), resamples=50)))
    assert "script" not in reader.tags
    assert not re.search(r"\b(nan|inf)\b", reader.text, re.IGNORECASE)
    assert "Claims of this experiment" in reader.text
    assert f"{HOSTILE}-scratch is {HOSTILE} with one option changed" in reader.text
    assert reader.text.count(HOSTILE) >= 8


def test_every_claim_has_a_verdict(report, html):
    text = read(html).text
    for judged in report.claims:
        assert judged.claim.text in text
        assert judged.verdict in text


def test_weights_are_shown_without_their_folder(study):
    final = study.models[0].finals[0]
    params = {**final.params, "network.encoder_weights": "/home/somebody/weights.h5"}
    model = replace(study.models[0], finals=(replace(final, params=params),))
    options = network_options(replace(study, models=(model,)))
    assert options == {"unet": "encoder weights weights.h5"}


def test_an_ensemble_and_a_mirrored_mean_are_described_by_their_members(study):
    final = study.models[0].finals[0]

    def row(name: str, *members: str):
        params = {f"members.{member}": "a" * 32 for member in members}
        return replace(study.models[0], name=name, finals=(replace(final, params=params),))

    models = row("ensemble.unet.segnet", "unet", "segnet"), row("unet.mirrored", "unet")
    assert network_options(replace(study, models=models)) == {
        "ensemble.unet.segnet": "mean of the class probabilities of unet and segnet",
        "unet.mirrored": "unet, averaged with its mirror image",
    }


def test_a_taught_network_is_described_by_its_student_and_its_teacher(study):
    final = study.models[0].finals[0]
    params = {**final.params, "distil.weight": "1.0", "distil.temperature": "2.0"}
    taught = replace(
        study.models[0],
        name="unet-distilled",
        variant_of="unet",
        taught_by="ensemble",
        finals=(replace(final, params=params),),
    )
    changed = replace(study, models=(taught,))
    assert network_options(changed) == {
        "unet-distilled": "unet taught by ensemble, with encoder weights none"
    }
    (sentence,) = variant_sentences(changed)
    assert "unet-distilled is unet trained with the same settings and seeds" in sentence
    assert "of ensemble as a further term of the loss (weight 1.0, temperature 2.0)" in sentence


def test_a_table_of_many_networks_has_intervals_below_the_scores(study, monkeypatch):
    def wide(scores, names):
        return TextTable(
            ("slice", "images", *"abcdef"), [["all", "9", *["0.4 (0.3 to 0.5)"] * 6]] * 2
        )

    monkeypatch.setattr(comparison_text, "slice_table", wide)
    html = render_html(build_report(study, resamples=20))
    assert html.count("<small>0.3 to 0.5</small>") == 12
    assert html.count('<table class="numbers dense">') == 1
