import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, serving
from tests.browser.addresses import address, addresses
from tests.browser.proxy import Proxy
from tests.browser.serving import Site
from tests.seeding import SMALL

if TYPE_CHECKING:
    from playwright.sync_api import Page

_STALE = re.compile(r"No answer from the collector for .+\. Showing \d\d:\d\d\.")


@pytest.fixture(scope="module")
def proxy(site: Site) -> Iterator[Proxy]:
    with Proxy(site.collector.url) as running:
        yield running


@pytest.fixture(scope="module")
def behind(proxy: Proxy, site: Site, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[dict[str, str]]":
    """The addresses of a dashboard that asks the proxy."""
    with serving.dashboard(tmp_path_factory.mktemp("behind"), proxy.url) as dashboard:
        yield addresses(dashboard.url, site.collector.url)


@pytest.mark.parametrize(
    ("name", "path"), [("drift", "/series"), ("alert", "/evaluations/heatmap"), ("quality", "/overview")]
)
def test_an_answer_that_is_late_delays_only_its_card(
    behind: dict[str, str], proxy: Proxy, page: "Page", name: str, path: str
) -> None:
    charts = {"drift": 4, "alert": 3, "quality": 4}[name]
    # The browser has its scripts then, so that the others do not take as long as the dashboard waits: 10 s.
    # Of another model, so that the dashboard has no answer yet that is asked for below.
    chromium.visit(page, f"{behind['system']}?model=another")
    with proxy.holding(path):
        page.goto(behind[name], wait_until="commit")
        proxy.wait_until_asked()
        # All the others come while it waits; only then is it let go. The late one of Quality has no chart.
        page.wait_for_function(
            "charts => document.querySelectorAll('[data-testid^=stSkeleton]').length === 1"
            " && document.querySelectorAll('[data-testid=stVegaLiteChart] svg').length === charts",
            arg=charts if path == "/overview" else charts - 1,
        )
        assert page.locator(".dl-notice").count() == 0
    chromium.settle(page)
    assert page.locator(".dl-notice").count() == 0
    assert len(looking.charts(page)) == charts


def test_an_answer_of_503_warns_in_its_card_and_the_others_stand(
    behind: dict[str, str], proxy: Proxy, page: "Page"
) -> None:
    with proxy.refusing("/distributions"):
        chromium.visit(page, f"{behind['drift']}?feature=noise")
        warnings = page.locator(".dl-notice").all_inner_texts()
        assert [" ".join(each.split()) for each in warnings] == [
            "! noise: The store is busy; ask again in a moment."
        ]
        assert "3 features have moved" in looking.title(page)
        assert [chart.marks > 0 for chart in looking.charts(page)] == [True] * 3
    # It looks again by itself.
    page.locator(".dl-notice").wait_for(state="detached")
    chromium.settle(page)
    assert len(looking.charts(page)) == 4


@pytest.mark.timeout(240)  # it waits for what looks again every 10 s
def test_without_the_collector_the_last_numbers_stand_with_their_age_until_it_is_back(
    tmp_path: Path, page: "Page"
) -> None:
    with serving.serving(tmp_path, SMALL) as site:
        chromium.visit(page, address(site.url, "drift"))
        title, charts = looking.title(page), looking.charts(page)
        site.collector.stop()
        stale = page.locator(".dl-notice", has_text=_STALE)
        stale.first.wait_for()
        chromium.settle(page)
        assert looking.title(page) == title
        assert looking.charts(page) == charts
        # Whoever comes now sees the same, and is told the same.
        page.reload(wait_until="commit")
        chromium.settle(page)
        assert looking.title(page) == title
        assert looking.charts(page) == charts
        assert stale.count() > 0
        # What nobody has asked before is not made up.
        chromium.visit(page, address(site.url, "quality"))
        assert looking.title(page) == "How good the answers of digits are is not known"
        assert "no collector answers" in page.locator(".dl-notice").first.inner_text().lower()
        site.collector.start()
        page.locator(".dl-notice").first.wait_for(state="detached")
        chromium.visit(page, address(site.url, "drift"))
        assert looking.title(page) == title
        assert page.locator(".dl-notice").count() == 0
