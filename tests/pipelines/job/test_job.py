"""The names of a job, and how its seed is derived."""

from pipelines.job.job import JobKey, derive_seed


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


def test_seeds_depend_on_every_name_and_fit_31_bits():
    """2 ** 31 - 1 is the largest that all frameworks accept."""
    seeds = {derive_seed(base, "final", number) for base in range(4) for number in range(250)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_seed_is_the_same_on_every_machine():
    """sha256("1/final/0") begins with 67acccf8; shifted right by one bit, it is 869688956."""
    assert derive_seed(1, "final", 0) == 869688956
