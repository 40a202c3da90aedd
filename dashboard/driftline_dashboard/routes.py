"""Where pages are and how one moves between them: by links that carry the URL's parameters along.

A link is always `st.page_link` with query parameters: Back is right then, and it can be copied and opened in
another tab. (Markdown links reload the whole application; `st.switch_page` leaves no parameters.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from driftline_dashboard import words

if TYPE_CHECKING:
    from streamlit.navigation.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A page: its name in the menu and the browser's tab, and its path."""

    title: str
    path: str
    in_menu: bool = False


ROUTES = {
    "now": Route(title="Now", path="", in_menu=True),
    "alert": Route(title="Alert", path="alert"),
    "drift": Route(title="Drift", path="drift", in_menu=True),
    "quality": Route(title="Quality", path="quality", in_menu=True),
    "devices": Route(title="Devices", path="devices", in_menu=True),
    "device": Route(title="Device", path="device"),
    "prediction": Route(title="Prediction", path="prediction"),
    "system": Route(title="System", path="system", in_menu=True),
}
# Pages as Streamlit knows them; the same in each session.
_pages: "dict[str, Page]" = {}


def register(draw: Mapping[str, Callable[[], None]]) -> "dict[str, Page]":
    """Make known what draws each page. To be called at the start of each run, as Streamlit asks."""
    for name, function in draw.items():
        route = ROUTES[name]
        _pages[name] = st.Page(
            function, title=f"{route.title} · driftline", url_path=route.path, default=not route.path
        )
    return _pages


def link(name: str, label: str, parameters: Mapping[str, str], *, hint: str | None = None) -> None:
    """A link to a page; the label is text, names in it stand as they are. No page of that name: no link."""
    if name in _pages:
        st.page_link(
            _pages[name],
            label=words.plain(label),
            query_params=dict(parameters),
            help=None if hint is None else words.plain(hint),
            icon="",
        )


def has(name: str) -> bool:
    """Whether there is such a page."""
    return name in _pages
