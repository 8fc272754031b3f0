"""How certain the fastest candidate is, from rounds worked by hand."""

from pipelines.tune_machine.candidates import Candidate
from pipelines.tune_machine.measurement import CandidateSpeed
from pipelines.tune_machine.ranking import certainty


def speed(workers: int, unet: list[float], segnet: list[float]) -> CandidateSpeed:
    candidate = Candidate(workers=workers, cpus=2 // workers, gpus=0.0, precision="float32")
    return CandidateSpeed(candidate, {"unet": unet, "segnet": segnet})


def test_the_choice_is_certain_if_it_is_faster_in_every_round() -> None:
    """The machine is half as fast in the second round, for both candidates."""
    found = [
        speed(1, [40.0, 20.0, 40.0], [10.0, 5.0, 10.0]),
        speed(2, [50.0, 24.0, 52.0], [12.5, 6.0, 13.0]),
    ]
    assert certainty(found, "float32") == (
        "certain: 2 workers of 1 thread, float32 was faster than 1 worker of 2 threads, float32 in "
        "3 of 3 rounds, 1.25 times (1.20 to 1.30)"
    )


def test_the_choice_is_uncertain_if_the_next_one_is_faster_in_a_round() -> None:
    found = [
        speed(1, [40.0, 40.0, 44.0], [10.0, 10.0, 11.0]),
        speed(2, [44.0, 44.0, 40.0], [11.0, 11.0, 10.0]),
    ]
    words = certainty(found, "float32")
    assert words.startswith("uncertain: 2 workers of 1 thread, float32 was faster")
    assert "in 2 of 3 rounds, 1.10 times (0.91 to 1.10). Either is a good choice" in words
    assert certainty(found[:1], "float32") == ("there was no other candidate at this precision")
