"""Ray's token, which allows to run code, is readable by its owner only."""

import os
import stat
from pathlib import Path

import pytest

from pipelines.cluster.local_ray import TOKEN_VARIABLES, protect_token_file


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (*TOKEN_VARIABLES, "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".ray" / "auth_token"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_private_and_kept(token_file: Path):
    protect_token_file()
    token = token_file.read_text(encoding="utf-8")
    assert (len(token), mode(token_file)) == (64, 0o600)
    protect_token_file()
    assert token_file.read_text(encoding="utf-8") == token
    assert os.listdir(token_file.parent) == ["auth_token"]


def test_a_token_that_ray_made_becomes_private(token_file: Path):
    token_file.parent.mkdir()
    token_file.write_text("a token", encoding="utf-8")
    token_file.chmod(0o644)
    protect_token_file()
    assert (token_file.read_text(encoding="utf-8"), mode(token_file)) == ("a token", 0o600)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAY_AUTH_TOKEN", "x"), ("RAY_AUTH_TOKEN_PATH", "/x"), ("RAY_AUTH_MODE", "disabled")],
)
def test_no_token_is_made_where_ray_needs_none(
    token_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    protect_token_file()
    assert not token_file.exists()
