from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, serving
from tests.browser.addresses import addresses
from tests.browser.serving import Site
from tests.seeding import LARGE

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: 2,000 devices, 40 features in 20 cells and 500 alerts; of fewer hours, which take long to fill.
MANY = replace(LARGE, hours=3, moved_hours=2, samples=2000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving.serving(tmp_path_factory.mktemp("large"), MANY) as running:
        yield running


@pytest.mark.timeout(240)  # the fleet is filled within it
def test_every_page_of_2000_devices_opens_whole(large: Site, page: "Page") -> None:
    for name, url in addresses(large.url, large.collector.url).items():
        chromium.visit(page, url)
        charts = looking.charts(page)
        assert [chart for chart in charts if not chart.marks] == [], name
        assert bool(charts) == (name != "system"), name
        # No chart draws more than a browser can.
        assert max((chart.marks for chart in charts), default=0) <= 2000, name
        assert page.locator(".dl-notice").all_inner_texts() == [], name
        assert looking.scrolls_sideways_by(page) <= 0, name
        assert looking.cut_off(page) == [], name
    # Seven of them have said goodbye, thirteen are silent.
    assert "1\u202f980 of 1\u202f993 devices reported" in page.locator(".dl-fresh").inner_text()
