from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.browser import chromium, looking
from tests.browser.looking import Chart
from tests.browser.serving import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass(frozen=True)
class Shown:
    """What Back must bring back."""

    url: str
    title: str
    picked: list[str]
    charts: list[Chart]
    #: What the charts have written, as the names of rows and columns.
    written: list[str]


def shown(page: "Page") -> Shown:
    chromium.settle(page)
    return Shown(
        url=page.url,
        title=looking.title(page),
        picked=looking.picked(page),
        charts=looking.charts(page),
        written=looking.chart_texts(page),
    )


def narrower(now: Shown, *, than: Shown) -> bool:
    return now.picked[1] == "camera-a" and now.title != than.title and now.charts != than.charts


def test_back_and_forward_restore_address_picker_and_charts(site: Site, page: "Page") -> None:
    chromium.visit(page, f"{site.url}/drift")
    everything = shown(page)
    assert everything.picked[1] == "Every type"
    looking.pick(page, "Device type", "camera-a")
    looking.until(page, lambda: narrower(shown(page), than=everything))
    narrowed = shown(page)
    assert narrowed.url == f"{site.url}/drift?type=camera-a"
    page.go_back()
    looking.until(page, lambda: shown(page) == everything)
    page.go_forward()
    looking.until(page, lambda: shown(page) == narrowed)


def test_back_restores_what_was_clicked_in_a_chart(site: Site, page: "Page") -> None:
    chromium.visit(page, f"{site.url}/drift")
    before = shown(page)
    assert "Effect (PSI) of contrast" in before.charts[1].says
    page.locator('path[aria-label^="name: noise;"]').last.click()
    looking.until(page, lambda: "of noise" in shown(page).charts[1].says)
    after = shown(page)
    assert after.url == f"{site.url}/drift?feature=noise"
    page.go_back()
    looking.until(page, lambda: shown(page) == before)
    page.go_forward()
    looking.until(page, lambda: shown(page) == after)


def test_from_the_first_page_it_is_three_clicks_to_a_prediction_and_back_leads_home(
    site: Site, page: "Page"
) -> None:
    chromium.visit(page, site.url)
    passed = [shown(page)]
    for leads_to in ("alert", "device", "prediction"):
        page.locator(f'[data-testid=stMain] a[href*="{leads_to}?"]:visible').first.click()
        page.wait_for_url(f"{site.url}/{leads_to}?**")
        looking.until(page, lambda: shown(page).title != passed[-1].title)
        passed.append(shown(page))
    assert " answered " in passed[-1].title
    while len(passed) > 1:
        passed.pop()
        page.go_back()
        looking.until(page, lambda: shown(page) == passed[-1])
