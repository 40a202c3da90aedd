"""Long lists, a page at a time; which page is in the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from driftline_dashboard import layout, routes, words
from driftline_dashboard.state import View

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """A page of a longer list: its items, and which they are."""

    items: Sequence[Item]
    page: int
    pages: int
    first: int
    total: int

    @classmethod
    def of(cls, items: Sequence[Item], page: int, size: int) -> "Paged[Item]":
        """Page `page` of a list in pages of `size`; the last one where there are not so many."""
        pages = max(1, -(-len(items) // size))
        page = min(page, pages)
        first = (page - 1) * size
        return cls(items[first : first + size], page, pages, first, len(items))


def pager(name: str, paged: Paged[Any], view: View, what: str) -> None:
    """`1–40 of 64 features`, and links to the pages beside; nothing where all is on one page."""
    if paged.pages == 1:
        return
    last = paged.first + len(paged.items)
    here = f"{words.count(paged.first + 1)}–{words.count(last)} of {words.count(paged.total)} {what}"
    with layout.row(f"pager-{name}"):
        layout.note(here)
        if paged.page > 1:
            routes.link(name, "← Previous", view.here(page=paged.page - 1))
        if paged.page < paged.pages:
            routes.link(name, "Next →", view.here(page=paged.page + 1))
