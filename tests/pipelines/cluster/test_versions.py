"""The versions of a process, and their differences."""

import json

import pytest

from faceseg.errors import UserError
from pipelines.cluster import versions


def test_versions_contain_everything_that_can_change_a_result():
    found = versions.installed_versions()
    assert list(found) == [
        *("python", "faceseg", "tensorflow", "jax", "torch", "keras", "ray", "optuna", "mlflow"),
        "numpy",
    ]
    assert all(found.values())
    assert found == versions.installed_versions()


def test_each_difference_is_one_line():
    expected = {"python": "3.11", "ray": "2.60.0", "keras": "3.15.1"}
    found = {"python": "3.11", "ray": "2.59.0", "numpy": "2.4.6"}
    assert versions.differences(expected, found) == [
        "ray: 2.60.0 expected, 2.59.0 found",
        "keras: 3.15.1 expected, none found",
        "numpy: none expected, 2.4.6 found",
    ]
    assert versions.differences(found, found) == []


def test_a_job_from_a_machine_with_other_versions_is_refused(monkeypatch: pytest.MonkeyPatch):
    ((name, value),) = versions.version_variables().items()
    monkeypatch.delenv(name, raising=False)
    versions.check_sender_versions()  # no submitted job: nothing to compare
    monkeypatch.setenv(name, value)
    versions.check_sender_versions()  # submitted from here
    monkeypatch.setenv(name, json.dumps({**versions.installed_versions(), "ray": "2.9.3"}))
    with pytest.raises(UserError) as refused:
        versions.check_sender_versions()
    lines = str(refused.value).splitlines()
    assert lines[1] == f"  ray: 2.9.3 expected, {versions.installed_versions()['ray']} found"
    assert len(lines) == 3


def test_the_commit_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    """A container has no git; its build sets the variable."""
    monkeypatch.setenv("FACESEG_COMMIT", "0123456789ab")
    assert versions.commit() == "0123456789ab"
