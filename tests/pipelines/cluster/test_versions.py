"""A process's versions, and how they differ from another's."""

import json

import pytest

from faceseg.errors import UserError
from pipelines.cluster import versions


def test_they_name_python_the_source_and_what_decides_a_number():
    found = versions.installed_versions()
    assert list(found) == [
        *("python", "faceseg", "tensorflow", "jax", "torch", "keras", "ray", "optuna", "mlflow"),
        "numpy",
    ]
    assert all(found.values())
    assert found == versions.installed_versions()


def test_a_difference_is_a_line():
    expected = {"python": "3.11", "ray": "2.60.0", "keras": "3.15.1"}
    found = {"python": "3.11", "ray": "2.59.0", "numpy": "2.4.6"}
    assert versions.differences(expected, found) == [
        "ray: 2.60.0 expected, 2.59.0 found",
        "keras: 3.15.1 expected, none found",
        "numpy: none expected, 2.4.6 found",
    ]
    assert versions.differences(found, found) == []


def test_a_job_of_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch):
    ((name, value),) = versions.version_variables().items()
    monkeypatch.delenv(name, raising=False)
    versions.check_sender_versions()  # not submitted: nothing to compare
    monkeypatch.setenv(name, value)
    versions.check_sender_versions()  # submitted from here
    monkeypatch.setenv(name, json.dumps({**versions.installed_versions(), "ray": "2.9.3"}))
    with pytest.raises(UserError) as refused:
        versions.check_sender_versions()
    told = str(refused.value).splitlines()
    assert told[1] == f"  ray: 2.9.3 expected, {versions.installed_versions()['ray']} found"
    assert len(told) == 3


def test_the_commit_may_be_given(monkeypatch: pytest.MonkeyPatch):
    """A container has no git; its build says what is in it."""
    monkeypatch.setenv("FACESEG_COMMIT", "0123456789ab")
    assert versions.commit() == "0123456789ab"
