"""Every hostile file goes through every verb that could meet it, within limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.child_process import ChildProcess
from tests.hostile.hostile_files import FILES, HARMLESS

# What a verb that has used up its memory, or the size of a file, prints before exit code 2.
EXHAUSTED = ("too little free memory", "File too large", "no space left")


def meetings(*kinds: str) -> list[object]:
    """Return a parameter for each file of these kinds and each of its verbs.

    `make test` passes each file to one verb, and each verb files of every kind; `make nightly` does
    the rest.
    """
    return [
        pytest.param(
            kind,
            name,
            verb,
            id=f"{kind}: {name}: {verb}",
            marks=[] if number % len(file.verbs) == turn else [pytest.mark.nightly],
        )
        for kind in kinds
        for number, (name, file) in enumerate(FILES[kind].items())
        for turn, verb in enumerate(file.verbs)
    ]


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildProcess]:
    process = ChildProcess(tmp_path_factory.mktemp("hostile"))
    yield process
    process.end()


@pytest.mark.parametrize(("kind", "name", "verb"), meetings(HARMLESS))
def test_a_harmless_file_passes(kind: str, name: str, verb: str, child: ChildProcess):
    code, text, lost = child.run(kind, name, verb)
    assert (code, lost) == (0, ""), text


@pytest.mark.parametrize(("kind", "name", "verb"), meetings(*sorted(FILES.keys() - {HARMLESS})))
def test_a_hostile_file_ends_in_a_result_or_a_paragraph(
    kind: str, name: str, verb: str, child: ChildProcess
):
    code, text, lost = child.run(kind, name, verb)
    assert "Traceback" not in text, text
    assert code in {0, 2}, text
    assert not [words for words in EXHAUSTED if words in text], text
    assert not lost, f"{lost} is lost: {text}"


def test_there_are_many_files_of_every_kind():
    counts = {kind: len(files) for kind, files in FILES.items() if kind != HARMLESS}
    assert sum(counts.values()) >= 60
    assert min(counts.values()) >= 10


def test_no_archive_was_unpacked_to_an_absolute_path():
    assert not Path("/tmp/up.txt").exists()  # noqa: S108
