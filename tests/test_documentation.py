"""The README and the pages of docs/ describe the tree, the commands and the layers as they are."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipelines.cli.commands import app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), REPOSITORY / "infra" / "README.md"]
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def layers(package: str) -> list[set[str]]:
    """Return the rooms of each layer of the import contract, from the top."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each.get("containers") == [package])
    return [set(layer.split(" | ")) for layer in found["layers"]]


@pytest.mark.parametrize("package", ["faceseg", "pipelines"])
def test_the_readmes_tree_contains_every_room(package: str):
    tree = README.partition("## The tree")[2]
    block = re.split(r"^\S", tree.partition(f"\n{package}/")[2], flags=re.MULTILINE)[0]
    listed = set(re.findall(r"^  (\w+)/", block, re.MULTILINE))
    assert listed == {each.parent.name for each in (REPOSITORY / package).glob("*/__init__.py")}


@pytest.mark.parametrize("package", ["faceseg", "pipelines"])
def test_the_architecture_page_has_the_layers_of_the_contract(package: str):
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition(f"**`{package}`, top to bottom**")[2].partition("\n\n**")[0]
    rows = re.findall(r"^\| (`.*?) \| ", table.partition("\n\n[")[0], re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == layers(package)


@every_page
def test_every_link_leads_to_a_file(page: Path):
    targets = re.findall(r"\]\(([\w./-]+\.(?:md|png|jpg))\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).is_file()]
    assert missing == []


@every_page
def test_every_verb_and_make_target_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?:^|`)faceseg ([a-z][a-z-]+)", text, re.MULTILINE))
    assert verbs <= set(get_command(app).commands)  # type: ignore[attr-defined]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_make_help_lists_every_target():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = makefile.partition(".PHONY:")[2].partition("\n\n")[0].replace("\\", " ").split()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    done = subprocess.run(
        ["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    listed = set(re.findall(r"^make ([a-z-]+) +\S", done.stdout, re.MULTILINE))
    assert listed == targets == set(phony)
