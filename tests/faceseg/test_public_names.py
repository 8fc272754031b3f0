"""The public names of the library, and the former addresses that registered models import."""

from collections.abc import Callable
from importlib import resources

import pytest

import faceseg
from faceseg.inference.label_maps import label_maps, probability_maps
from faceseg.inference.predictor import load
from faceseg.metrics import class_iou, confusion

DOCUMENTED = [name for name in faceseg.__all__ if name != "metrics"]


def test_the_public_names_are_those_of_the_design() -> None:
    assert set(faceseg.__all__) == {
        *("build", "build_pspnet", "build_segnet", "build_unet", "load", "metrics", "UserError")
    }
    assert faceseg.load is load
    assert faceseg.metrics.confusion is confusion
    assert faceseg.metrics.class_iou is class_iou


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'build_vnet'"):
        faceseg.build_vnet  # noqa: B018


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_docstring_has_an_example(name: str) -> None:
    assert "Example:" in getattr(faceseg, name).__doc__


def test_importing_the_library_loads_no_framework(
    loaded_frameworks: Callable[[str], list[str]],
) -> None:
    code = "import faceseg; faceseg.UserError, faceseg.metrics.confusion"
    assert loaded_frameworks(code) == []


def test_the_library_is_marked_as_typed() -> None:
    assert resources.files("faceseg").joinpath("py.typed").is_file()


def test_registered_models_find_the_former_addresses() -> None:
    from faceseg import labelling, predictor

    assert predictor.load is load
    assert labelling.label_maps is label_maps
    assert labelling.probability_maps is probability_maps


def test_registered_models_find_the_addresses_that_have_not_moved() -> None:
    from faceseg.backends import preferred
    from faceseg.data.images import read_image
    from faceseg.data.problems import BadFile

    assert callable(preferred)
    assert callable(read_image)
    assert issubclass(BadFile, Exception)
