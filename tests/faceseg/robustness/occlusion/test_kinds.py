"""The kinds that are possible with a class set, and the severities of a kind."""

import pytest

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.robustness.occlusion import KINDS, kinds_for, severities
from faceseg.robustness.occlusion.kinds import draw_function


def test_the_protocol_has_seven_kinds_and_lapa_has_them_all() -> None:
    expected = ("gray_square", "blob", "eye_band", "lower_face", "hand", "strands", "patches")
    assert expected == KINDS == kinds_for(LAPA)


@pytest.mark.parametrize(
    ("change", "kind", "role"),
    [({"eyes": ()}, "eye_band", "eyes"), ({"hair": None}, "strands", "hair")],
)
def test_a_kind_is_left_out_if_a_required_class_is_missing(
    change: dict[str, object], kind: str, role: str
) -> None:
    poorer = LAPA.model_copy(update=change)
    assert set(KINDS) - set(kinds_for(poorer)) == {kind}
    with pytest.raises(UserError, match=f"class set with {role}"):
        draw_function(kind, poorer)


def test_severities_are_shares_or_steps() -> None:
    assert severities("hand") == (0.05, 0.10, 0.20, 0.35, 0.50)
    assert severities("lower_face") == (1.0, 2.0, 3.0)
