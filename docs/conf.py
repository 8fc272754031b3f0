"""Configuration of the documentation site; `make docs` builds it into docs/build."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "docs" / "extensions")]

import tomllib  # noqa: E402
from typing import Any  # noqa: E402

from sphinx.ext.autodoc.mock import _MockObject  # noqa: E402

project = "faceseg"
author = "the faceseg authors"
copyright = "2026, the faceseg authors"  # noqa: A001  # the name that Sphinx reads
release = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "configuration_reference",
    "docstring_markup",
    "room_index",
]
exclude_patterns = ["build"]
source_suffix = {".md": "markdown"}
default_role = "code"  # docstrings put code in single backticks

# A build loads no framework: it takes seconds, and needs no more than requirements-dev.lock.
autodoc_mock_imports = ["tensorflow", "keras", "ray", "mlflow", "jax", "torch"]
_MockObject.__or__ = lambda *_: Any  # the annotation `Run | None` of a class that is not imported
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = f"faceseg {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": []}
copybutton_prompt_text = ">>> "
