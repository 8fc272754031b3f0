"""YAML whose content is out of proportion to its text is refused in one paragraph."""

from pathlib import Path

import pytest
import yaml

from faceseg.errors import UserError
from pipelines.config import load
from pipelines.config.plain_yaml import MAX_BYTES, load_yaml, read_yaml

# Each level contains the level above nine times: 9 ** 9 values in 400 bytes of text.
LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
MERGED_LAUGHS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
# A document, and a part of the message.
REFUSED = {
    "aliases": (LAUGHS, "more than 100,000 values"),
    "merged aliases": (MERGED_LAUGHS, "more than 100,000 values"),
    "many values": ("[" + "1," * 100_001 + "]", "more than 100,000 values"),
    "a value in itself": ("seed: &a [*a]", "'a' contains itself"),
    "flow depth": ("[" * 3000, "nested more than 50 deep"),
    "block depth": ("\n".join(" " * level + "a:" for level in range(60)), "nested more than 50"),
    "6,000 digits": ("seed: " + "1" * 6000, "line 1: a whole number of 6,000 characters"),
    "6,000 hexadecimal digits": ("a: 0x" + "f" * 6000, "line 1: a whole number of 6,002"),
    "6,000 sixties": ("a: 1" + ":59" * 2000, "line 1: a whole number of 6,001"),
    "no date": ("\na: 2001-99-99", "line 2: '2001-99-99' is not a valid timestamp"),
    "no number": ("a: !!int x", "line 1: 'x' is not a valid int"),
    "no truth value": ("a: !!bool x", "line 1: 'x' is not a valid bool"),
    "no time": ("a: !!timestamp x", "line 1: 'x' is not a valid timestamp"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_experiment_beyond_the_bounds_is_refused(name: str, tmp_path: Path):
    text, words = REFUSED[name]
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        load(tmp_path / "x.yaml")
    assert words in str(refused.value)
    assert len(str(refused.value)) < 600
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_a_file_that_is_too_large_or_endless_is_not_read_whole(tmp_path: Path):
    (tmp_path / "x.yaml").write_text("# a comment\n" * (MAX_BYTES // 12 + 1))
    for path in (tmp_path / "x.yaml", Path("/dev/zero")):
        with pytest.raises(UserError, match=r"is larger than 1\.0 MB; an experiment"):
            load(path)


def test_ordinary_aliases_and_numbers_are_kept(tmp_path: Path):
    (tmp_path / "x.yaml").write_text("a: &a {b: [1, 2]}\nc: *a\nd: {<<: *a, e: -12_345}\nf: 1e-3")
    assert read_yaml(tmp_path / "x.yaml") == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": {"b": [1, 2], "e": -12345},
        "f": "1e-3",
    }


def test_an_override_is_bounded_as_a_file_is():
    deep = ".".join(["a"] * 3000)
    for override in ("seed=" + "1" * 6000, "training=" + "[" * 3000, f"{deep}=1"):
        with pytest.raises(UserError) as refused:
            load(Path("quickstart"), (override,))
        assert len(str(refused.value)) < 600


def test_a_chain_of_bases_is_bounded(tmp_path: Path):
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"base: {number + 1}.yaml")
    with pytest.raises(UserError, match="20 bases"):
        load(tmp_path / "0.yaml")
