"""The digest of an ensemble, which identifies its runs."""

from pipelines.search.ensemble import EnsembleMember, digest


def test_the_digest_is_that_of_earlier_versions():
    """The first 8 digits of the SHA-256 of this text are cbb1927a.

    [Member(architecture='unet', winner='aa11'), Member(architecture='segnet', winner='bb22')]
    """
    members = [EnsembleMember("unet", "aa11"), EnsembleMember("segnet", "bb22")]
    assert digest(members) == "cbb1927a"
