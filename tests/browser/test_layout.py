from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import chromium, looking
from tests.browser.addresses import PAGES
from tests.browser.chromium import NARROW, WIDE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

Scheme = Literal["light", "dark"]
_GROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}


@pytest.fixture(scope="module")
def window(browser: "Browser") -> "Iterator[BrowserContext]":
    """One for all pages, as each new one has Streamlit's scripts to fetch again."""
    with chromium.context(browser, width=NARROW, height=844, scheme="dark") as (context, _):
        yield context


@pytest.fixture(scope="module", params=PAGES)
def opened(
    request: pytest.FixtureRequest, window: "BrowserContext", urls: dict[str, str]
) -> "Iterator[Page]":
    tab = window.new_page()
    chromium.visit(tab, urls[request.param])
    yield tab
    tab.close()


def put(tab: "Page", width: int, scheme: Scheme) -> None:
    """Make the window so wide and the system so light, and wait until the page has followed."""
    tab.set_viewport_size({"width": width, "height": 900 if width == WIDE else 844})
    tab.emulate_media(color_scheme=scheme)
    tab.wait_for_function(
        "ground => getComputedStyle(document.querySelector('.stApp')).backgroundColor === ground",
        arg=_GROUND[scheme],
    )
    chromium.settle(tab)


@pytest.mark.parametrize(("width", "scheme"), [(w, s) for w in (NARROW, WIDE) for s in ("dark", "light")])
def test_no_page_scrolls_sideways_or_cuts_off_text(opened: "Page", width: int, scheme: Scheme) -> None:
    put(opened, width, scheme)
    assert looking.scrolls_sideways_by(opened) <= 0
    assert looking.cut_off(opened) == []


def test_text_that_is_cut_off_is_found(page: "Page") -> None:
    page.set_content(
        """<div class="stApp" style="width:300px">
          <p style="width:60px;overflow:hidden;white-space:nowrap">much longer than this box</p>
          <p style="height:8px;overflow:hidden">higher than this box</p>
          <p style="position:absolute;left:1400px;white-space:nowrap">begins within and ends beyond</p>
          <svg width="40" height="20" style="overflow:hidden"><text y="12">an axis of hours</text></svg>
          <div style="width:60px;overflow:auto;white-space:nowrap">one can scroll to all of this</div>
          <p>seen whole</p>
        </div>"""
    )
    assert looking.cut_off(page) == [
        "much longer than this box: cut off sideways",
        "higher than this box: cut off in height",
        "begins within and ends beyond: beyond the window",
        "an axis of hours: cut off sideways",
    ]
    assert looking.scrolls_sideways_by(page) > 0
