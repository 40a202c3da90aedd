from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking
from tests.browser.addresses import PAGES
from tests.browser.chromium import Account

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

#: What the title of each page says of four devices, of which one type has moved and one device is silent.
VERDICTS = {
    "now": "1 segment of digits has moved: camera-b",
    "alert": "moved on camera-b since 04:00",
    "drift": "3 features have moved in 2 segments",
    "quality": "of the answers of digits 2.1.0 are right",
    "devices": "1 of 4 devices has moved and 1 is silent",
    "device": "cam-0001 has moved, most in",
    "prediction": "and the cloud agrees",
    "system": "These numbers are not complete",
}
#: Charts of each page; System has none: it is tables.
CHARTS = {
    "now": 1,
    "alert": 3,
    "drift": 4,
    "quality": 4,
    "devices": 1,
    "device": 1,
    "prediction": 2,
    "system": 0,
}


@dataclass(frozen=True)
class Opened:
    """A page whose address was typed in."""

    name: str
    url: str
    tab: "Page"
    account: Account


@pytest.fixture(scope="module", params=PAGES)
def opened(
    request: pytest.FixtureRequest, wide: "tuple[BrowserContext, Account]", urls: dict[str, str]
) -> Iterator[Opened]:
    name = request.param
    context, account = wide
    with chromium.tab(context, account) as tab:
        chromium.visit(tab, urls[name])
        yield Opened(name, urls[name], tab, account)


def test_each_address_opens_by_itself_and_says_the_verdict(opened: Opened) -> None:
    assert VERDICTS[opened.name] in looking.title(opened.tab)
    assert opened.tab.url.rstrip("/") == opened.url.rstrip("/")


def test_each_says_how_fresh_its_data_are_and_how_many_devices_reported(opened: Opened) -> None:
    line = opened.tab.locator(".dl-fresh").inner_text()
    assert line.startswith("Data up to 09:40:00 UTC (")
    assert line.endswith(" ago) · 3 of 4 devices reported")


def test_every_chart_has_marks_and_says_what_it_shows(opened: Opened) -> None:
    charts = looking.charts(opened.tab)
    assert len(charts) == CHARTS[opened.name]
    assert [chart for chart in charts if not chart.marks or not chart.says.endswith(".")] == []


def test_a_reload_shows_the_same(opened: Opened) -> None:
    before = looking.title(opened.tab), looking.charts(opened.tab), opened.tab.url
    opened.tab.reload(wait_until="commit")
    chromium.settle(opened.tab)
    assert (looking.title(opened.tab), looking.charts(opened.tab), opened.tab.url) == before


def test_nothing_is_asked_of_another_machine(opened: Opened) -> None:
    assert opened.account.abroad() == []
    # It did ask for something, by both ways in which it can ask.
    assert {url.partition(":")[0] for url in opened.account.requests} >= {"http", "ws"}


def test_nothing_goes_wrong_in_the_browser(opened: Opened) -> None:
    assert opened.account.errors == []


def test_no_card_says_that_it_could_not_be_drawn(opened: Opened) -> None:
    assert opened.tab.locator(".dl-notice").all_inner_texts() == []
