"""What was asked of each network, read off its finals' parameters."""

from pathlib import Path

from pipelines.compare.chart import readable
from pipelines.compare.collect import Contender, Record


def networks(record: Record) -> dict[str, str]:
    """Return by contender what was asked of its network, as text.

    Weights from a file are named by the file alone: its folder is one machine's affair.
    """
    found = {}
    for each in record.contenders:
        options = {
            key.removeprefix("network."): value
            for key, value in each.finals[0].params.items()
            if key.startswith("network.") and key != "network.name" and value != "None"
        }
        if "encoder_weights" in options:
            options["encoder_weights"] = Path(options["encoder_weights"]).name
        texts = [f"{readable(key)} {value}" for key, value in options.items()]
        of = f"{each.variant_of} with " if each.variant_of else ""
        found[each.name] = (
            of + (", ".join(texts) or "its defaults")
            if each.is_trained
            else ("the mean of the architectures' probabilities")
        )
    return found


def is_pretrained(contender: Contender) -> bool:
    """Return whether its network began with weights that it was given."""
    given = contender.finals[0].params.get("network.encoder_weights", "none")
    return given not in ("none", "None", "")
