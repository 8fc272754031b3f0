"""The tags of a study's run that name the winner of each of its models."""

from collections.abc import Mapping

PREFIX = "winner."  # the name of a model follows


def winner_tags(winners: Mapping[str, str]) -> dict[str, str]:
    """Return the tags `faceseg.<name>` to set on a study's run.

    Args:
        winners: The digest of each model's winning settings.
    """
    return {f"{PREFIX}{name}": winners[name] for name in winners}


def read_winners(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of each model's winning settings, from all tags of a study's run.

    It is empty until the search has ended.
    """
    prefix = f"faceseg.{PREFIX}"
    return {key.removeprefix(prefix): tags[key] for key in tags if key.startswith(prefix)}
