"""The winners among the tags of a study's run."""

from pipelines.job.winners import read_winners, winner_tags


def test_the_winners_are_read_from_the_tags_that_were_written():
    winners = {"unet": "0a1b", "my-net.winner": "2c3d"}
    stored = {f"faceseg.{name}": value for name, value in winner_tags(winners).items()}
    others = {"faceseg.winner": "4e5f", "faceseg.state": "complete", "mlflow.runName": "study"}
    assert read_winners(stored | others) == winners
