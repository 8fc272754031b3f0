"""All results of a search of MLflow's client, which returns them in pages."""

from collections.abc import Callable
from typing import Any


def all_pages(search: Callable[..., Any]) -> list[Any]:
    """Return the results on all pages.

    Args:
        search: A search that accepts a `page_token`, and returns MLflow's PagedList.
    """
    page = search()
    found = list(page)
    while page.token:
        page = search(page_token=page.token)
        found += page
    return found
