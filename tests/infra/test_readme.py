"""The commands in infra/README.md work, and the errors that it explains exist."""

import ast
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import mlflow
import pytest
import ray
import yaml
from typer.main import get_command

from pipelines.cli.commands import app
from pipelines.config import load
from tests.infra.mlflow_server import REPOSITORY

TEXT = (REPOSITORY / "infra" / "README.md").read_text(encoding="utf-8")
VERBS = get_command(app).commands  # type: ignore[attr-defined]
MESSAGE_SOURCES = {
    "": (REPOSITORY / "pipelines", REPOSITORY / "faceseg"),
    "MLflow": (Path(mlflow.__file__).parent / "server",),
    "Ray": (Path(ray.__file__).parent / "dashboard" / "modules" / "job",),
}


def commands() -> list[list[str]]:
    """Return the lines of code blocks, continued ones joined, as words."""
    joined = re.sub(r"\\\n\s*", "", TEXT)
    lines = re.findall(r"^    (\S.*)$", joined, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines if "$(" not in line]


FACESEG = [words for words in commands() if words[:1] == ["faceseg"]]


def test_there_are_commands_to_check():
    assert {words[1] for words in FACESEG} == {"submit", "jobs"}


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"`faceseg (\w+)", TEXT))))
def test_every_verb_it_names_exists(verb: str):
    assert verb in VERBS


@pytest.mark.parametrize("words", FACESEG, ids=lambda words: words[1])
def test_every_option_exists(words: list[str]):
    known = {option for each in VERBS[words[1]].params for option in each.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_study_it_submits_is_a_valid_experiment():
    (words,) = (words for words in FACESEG if words[1] == "submit")
    overrides = [after for word, after in pairwise(words) if word == "--set"]
    found = load(REPOSITORY / words[2], tuple(overrides))
    assert found.storage.is_absolute()
    assert found.resources.workers == 8


@pytest.mark.parametrize("path", sorted(set(re.findall(r"infra/[\w./-]+\w", TEXT))))
def test_every_file_it_names_exists(path: str):
    assert (REPOSITORY / path).exists() or path == "infra/.env"


def test_compose_requires_the_secrets_that_it_creates():
    named = set(re.findall(r"\b(POSTGRES_PASSWORD|MLFLOW_\w+?(?:_PASSWORD|_KEY))\b", TEXT))
    compose = (REPOSITORY / "infra" / "compose.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+):\?", compose))
    assert wanted <= named
    assert yaml.safe_load(compose)["services"].keys() == {"postgres", "databases", "mlflow"}


@cache
def messages_in(folder: Path) -> list[str]:
    """Return every text in a folder's modules, with `…` for the variable parts of f-strings."""
    found = []
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(each, "value", "…") for each in node.values)
                found.append("".join(each if isinstance(each, str) else "…" for each in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def rows() -> list[tuple[str, str]]:
    """Return each error text of the table, and the program that prints it."""
    table = TEXT.partition("## Errors and remedies")[2]
    found = []
    for first in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE):
        whose = re.search(r"\((\w+)\)$", first)
        found += [(text, whose[1] if whose else "") for text in re.findall(r"`([^`]+)`", first)]
    return found


@pytest.mark.parametrize(("text", "whose"), rows(), ids=lambda value: value[:40])
def test_every_error_it_explains_exists(text: str, whose: str):
    parts = [re.escape(part.strip()) for part in text.split("…") if part.strip()]
    wanted = re.compile(".*".join(parts), re.DOTALL)
    sources = MESSAGE_SOURCES[whose]
    assert any(wanted.search(each) for folder in sources for each in messages_in(folder))
