"""The names of a job, and how its seed is derived."""

import pytest

from pipelines.job.job import JobKey, JobKind, derive_seed


def test_labels_are_for_people_and_folders_differ_by_winner():
    assert JobKey(kind="trial", architecture="unet", number=3).label == "unet-trial-003"
    assert JobKey(kind="trial", architecture="unet", number=3).folder == "unet-trial-003"
    first, second = (
        JobKey(kind="final", architecture="unet", number=0, winner="aa"),
        JobKey(kind="final", architecture="unet", number=0, winner="bb"),
    )
    assert first.label == second.label == "unet-final-000"
    assert first.folder != second.folder
    assert first != second


@pytest.mark.parametrize(
    "architecture", ["unet", "my-net", "x-final-1", "x-final-001", "x-trial-000", "a-trial-b"]
)
@pytest.mark.parametrize(("kind", "winner"), [("trial", ""), ("final", "012345678901")])
@pytest.mark.parametrize("number", [0, 42, 1000])
def test_a_key_is_read_from_its_folder(architecture: str, kind: JobKind, winner: str, number: int):
    key = JobKey(kind=kind, architecture=architecture, number=number, winner=winner)
    assert JobKey.from_folder(key.folder) == key


@pytest.mark.parametrize("name", ["study-s-w1", "unet", "unet-final-1", "unet-trial-001.lock"])
def test_another_folder_is_no_jobs(name: str):
    assert JobKey.from_folder(name) is None


def test_seeds_depend_on_every_name_and_fit_31_bits():
    """2 ** 31 - 1 is the largest that all frameworks accept."""
    seeds = {derive_seed(base, "final", number) for base in range(4) for number in range(250)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_seed_is_the_same_on_every_machine():
    """sha256("1/final/0") begins with 67acccf8; shifted right by one bit, it is 869688956."""
    assert derive_seed(1, "final", 0) == 869688956
