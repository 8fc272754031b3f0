"""The files of an audit, from hand-made predictions: the lists, the page and its pictures."""

import base64
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.split_writer import SplitWriter
from faceseg.evaluation.label_audit import EvidenceTable, rank_labels
from faceseg.evaluation.label_evidence import ReferenceCounter, gather_evidence
from pipelines.audit.fold_images import open_images
from pipelines.audit.page import DIFFERENT, difference_picture
from pipelines.audit.results import AuditedLabels, write_results
from pipelines.config import Experiment
from tests.infra.browser import open_browser

NAMES = ("<b>bold</b>", "=1+1", "plain", "fourth")
WRONG = 2  # the index of the image whose sides are exchanged


def face() -> np.ndarray:
    labels = np.zeros((32, 32), dtype=np.uint8)
    labels[6:28, 8:24] = 1
    labels[11:14, 10:14] = 4
    labels[11:14, 18:22] = 5
    return labels


@pytest.fixture
def audited(tmp_path: Path) -> AuditedLabels:
    """Four equal faces in three splits and two folds; one has left and right exchanged."""
    predicted = face()
    given = [LAPA.flip_table[predicted] if number == WRONG else predicted for number in range(4)]
    chosen = {"train": (0, 1), "val": (2,), "test": (3,)}
    for split, numbers in chosen.items():
        with SplitWriter(tmp_path / split, (32, 32), originals=False) as writer:
            for number in numbers:
                picture = np.full((32, 32, 3), 50 * number, dtype=np.uint8)
                writer.append(NAMES[number], picture, given[number])
            writer.finish()
    images = open_images(tmp_path)
    probabilities = np.full((32, 32, 11), 0.01, np.float32)
    np.put_along_axis(probabilities, predicted[..., None].astype(np.intp), 0.9, axis=2)
    counter = ReferenceCounter(LAPA)
    for labels in given:
        counter.add(labels, probabilities)
    reference = counter.reference()
    evidence = EvidenceTable.of(
        [gather_evidence(labels, probabilities, reference, LAPA) for labels in given]
    )
    maps = np.stack([predicted, predicted])
    return AuditedLabels(
        experiment=Experiment(name="mine"),
        images=images,
        files=[f"{split}/labels/{name}.png" for split, name in images.names],
        evidence=evidence,
        ranking=rank_labels(evidence, LAPA, (32, 32)),
        predictions=[maps, maps],
        fold_of=np.array([0, 1, 0, 1]),
        network="unet",
    )


def test_the_lists_begin_with_the_wrong_labels(audited: AuditedLabels, tmp_path: Path):
    write_results(audited, tmp_path / "audit", top=1)
    assert (tmp_path / "audit" / "relabel.txt").read_text("utf-8") == "val/labels/plain.png\n"
    text = (tmp_path / "audit" / "audit.csv").read_text("utf-8")
    first, *others = csv.DictReader(text.splitlines())
    assert (first["split"], first["image"], first["reason"]) == ("val", "plain", "sides exchanged")
    assert len(others) == 3
    assert "'=1+1" in {each["image"] for each in others}  # no spreadsheet calculates it


def test_the_page_contains_the_pictures_and_escapes_names(audited: AuditedLabels, tmp_path: Path):
    page = write_results(audited, tmp_path / "audit", top=4).read_text("utf-8")
    assert page.count("<article>") == 4
    assert "<b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<script" not in page
    card = page.partition("<article>")[2].partition("</article>")[0]
    sources = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', card)
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB"))
        for source in sources
    ]
    assert len(pictures) == 4
    np.testing.assert_array_equal(pictures[1], LAPA.colour(LAPA.flip_table[face()]))
    np.testing.assert_array_equal(pictures[2], LAPA.colour(face()))


def test_differing_pixels_are_red_and_the_others_darker():
    image = np.full((1, 2, 3), 100, np.uint8)
    picture = difference_picture(image, np.array([[True, False]]))
    np.testing.assert_array_equal(picture, [[DIFFERENT, (45, 45, 45)]])


@pytest.mark.slow
@pytest.mark.parametrize("width", [1366, 390])
def test_the_page_fits_its_window_and_requests_nothing(
    audited: AuditedLabels, tmp_path: Path, width: int
):
    html = write_results(audited, tmp_path / "audit", top=4).read_text("utf-8")
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": 800})
        requests: list[str] = []
        page.on("request", lambda each: requests.append(each.url))
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert not [url for url in requests if not url.startswith(("data:", "about:"))]
