import re
from typing import TYPE_CHECKING

from tests.browser import chromium, looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_CLOCKS = re.compile(r"(?:\d{1,2} [A-Z][a-z]{2} )?\d\d:\d\d(?::\d\d)?")
#: Pages with an axis of time; those with times in text or tables only.
_WITH_AXES = ("alert", "drift", "device")
_WITHOUT = ("now", "devices", "prediction")


def times(browser: "Browser", urls: dict[str, str], timezone: str) -> dict[str, tuple[list[str], list[str]]]:
    """What each page writes at the axes and marks of its charts, and which times stand in its text."""
    found = {}
    with chromium.context(browser, timezone=timezone) as (context, _):
        page = context.new_page()
        for name in (*_WITH_AXES, *_WITHOUT):
            chromium.visit(page, urls[name])
            cells = looking.cells(page)
            found[name] = looking.chart_texts(page), _CLOCKS.findall(" ".join([looking.text(page), *cells]))
        assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == timezone
    return found


def test_new_york_and_tokyo_show_the_same_utc_times(browser: "Browser", urls: dict[str, str]) -> None:
    west = times(browser, urls, "America/New_York")
    east = times(browser, urls, "Asia/Tokyo")
    assert west == east
    for name in _WITH_AXES:
        on_axes, in_text = west[name]
        assert "09:00" in on_axes, name
        assert "Time (UTC)" in on_axes, name
        assert in_text, name
    assert all(west[name][1] for name in _WITHOUT)
