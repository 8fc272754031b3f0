import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pipelines.compare.page import networks, page
from pipelines.compare.table import build_table

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = "\"><script>alert(1)</script> $\\bad_{ & '"


class Reader(HTMLParser):
    """Keeps the tags, attributes and text of a page; fails on a tag closed out of order."""

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


@pytest.fixture
def html(record):
    return page(record, build_table(record))


def test_every_architecture_class_and_origin_is_there(record, html):
    text = read(html).text
    for word in ("unet", "pspnet", "segnet", "skin", "left eye", "right eye", "hat"):
        assert word in text
    for word in (record.commit, record.manifest.fingerprint, record.study, record.description):
        assert word in text


def test_sections_come_in_order(html):
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert titles == [
        "In short",
        "The table",
        "IoU by class",
        "How the finals learned",
        "Under occlusion",
        "What is taken for what",
        "Test images, their truth, and each network&#39;s mask",
        "The reference study's formulas, for comparison only",
        "Notes",
    ]


def test_no_number_reads_nan_and_an_absent_class_is_a_dash_with_a_note(html):
    text = read(html).text
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)
    assert "no test image shows hat" in text


def test_nothing_is_fetched_and_nothing_runs(html):
    reader = read(html)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    fetched = [value for _, name, value in reader.attributes if name in ("src", "href", "srcset")]
    assert len(fetched) == 4
    assert all(value.startswith("data:image/") for value in fetched)
    style = re.search("<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_every_figure_says_what_it_shows(html):
    reader = read(html)
    texts = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert len(texts) == 4
    assert all(len(text) > 30 for text in texts)
    assert reader.tags.count("figcaption") == reader.tags.count("figure") == 4


def test_hostile_names_stay_text(record):
    classes = record.classes.model_copy(
        update={"names": ("background", "skin", "left_eye", "right_eye", HOSTILE)}
    )
    splits = {
        name: facts.model_copy(update={"class_shares": {HOSTILE: 0.0}})
        for name, facts in record.manifest.splits.items()
    }
    manifest = record.manifest.model_copy(update={"classes": classes, "splits": splits})
    contenders = (replace(record.contenders[0], name=HOSTILE), *record.contenders[1:])
    hostile = replace(
        record,
        experiment=HOSTILE,
        description=HOSTILE,
        commit=HOSTILE,
        manifest=manifest,
        contenders=contenders,
    )
    reader = read(page(hostile, build_table(hostile)))
    assert "script" not in reader.tags
    assert reader.text.count(HOSTILE) >= 8


def test_the_page_is_the_same_from_the_same_study(record, html):
    assert page(record, build_table(record)) == html


def test_weights_are_named_by_their_file_alone(record):
    final = record.contenders[0].finals[0]
    params = {**final.params, "network.encoder_weights": "/home/somebody/weights.h5"}
    contender = replace(record.contenders[0], finals=(replace(final, params=params),))
    told = networks(replace(record, contenders=(contender,)))
    assert told == {"unet": "encoder weights weights.h5"}
