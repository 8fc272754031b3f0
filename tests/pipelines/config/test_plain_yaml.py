"""A key that is given twice is refused, wherever it is; everything else is PyYAML's."""

import re
from pathlib import Path

import pytest
import yaml

from faceseg.errors import UserError
from pipelines.config import load
from pipelines.config.plain_yaml import load_yaml

# A document, the key that is given twice, and its two lines.
REPEATED = [
    ("training: {epochs: 3}\nseed: 1\ntraining: {batch_size: 4}", "training", 1, 3),
    ("training:\n  epochs: 3\n  warmup: 0.1\n  epochs: 4", "epochs", 2, 4),
    ('seed: 1\n"seed": 2', "seed", 1, 2),
    ("a: [{b: 1, c: 2,\n b: 3}]", "b", 1, 2),
    ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n  d: 2", "d", 4, 5),
    ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x", "<<", 3, 4),
    ("true: 1\nyes: 2", "yes", 1, 2),
    ("1: a\n0x1: b", "0x1", 1, 2),
]


@pytest.mark.parametrize(("text", "key", "first", "second"), REPEATED)
def test_a_repeated_key_is_refused_with_both_lines(text: str, key: str, first: int, second: int):
    words = f"the key '{key}' is given twice, in line {first} and in line {second};"
    with pytest.raises(yaml.YAMLError, match=re.escape(words)):
        load_yaml(text)


def test_a_key_of_a_merge_may_be_overridden():
    content = load_yaml("a: &x {b: 1, c: 2}\nd: &y {<<: *x, b: 3}\ne: {<<: *y, b: 4}\nf: *y")
    assert content["d"] == {"b": 3, "c": 2}
    assert content["e"] == {"b": 4, "c": 2}
    assert content["f"] == content["d"]


def test_the_same_key_in_different_sections_is_fine():
    assert load_yaml("a: {b: 1}\nc: {b: 2}\n=: 3\n1: x\n'1': y") == {
        "a": {"b": 1}, "c": {"b": 2}, "=": 3, 1: "x", "1": "y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [("{!!python/name:os.system : 1}", "python/name"), ("{!!map x : 1}", "expected a mapping")],
)
def test_keys_with_odd_tags_are_refused(text: str, words: str):
    with pytest.raises(yaml.YAMLError, match=words):
        load_yaml(text)


@pytest.mark.parametrize("named", ["experiment", "base", "overlay"])
def test_a_file_with_two_training_sections_is_refused(named: str, tmp_path: Path):
    texts = {"experiment": "base: base.yaml", "base": "seed: 1", "overlay": "seed: 2"}
    texts[named] += "\ntraining: {epochs: 3}\ntraining: {batch_size: 4}"
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{named}\.yaml .*'training' .*line 2 and in line 3"):
        load(tmp_path / "experiment.yaml", (f"@{tmp_path / 'overlay.yaml'}",))
