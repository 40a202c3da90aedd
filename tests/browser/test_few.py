from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from driftline_collector.client import Client

from tests.browser import chromium, looking, serving
from tests.browser.chromium import NARROW
from tests.browser.serving import Site
from tests.seeding import SMALL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: By this seed camera-a has made 74 predictions in the last closed hour; this fleet wants 100 for a verdict.
FEW = replace(SMALL, rate=3, seed=31, silent=0, moved=None, hours=6, minimum_rows=100)


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving.serving(tmp_path_factory.mktemp("few"), FEW) as running:
        yield running


def test_a_cell_with_74_predictions_says_too_few_and_has_no_colour(sparse: Site, page: "Page") -> None:
    with Client(sparse.collector.url) as client:
        assert [cell.n for cell in client.overview().grid if cell.device_type == "camera-a"] == [74]
    chromium.visit(page, sparse.url)
    assert "too few" in looking.chart_texts(page)
    cell = page.locator('.mark-rect path[aria-label*="camera-a"]').first
    assert "n 74" in (cell.get_attribute("aria-label") or "")
    fills = page.locator('.mark-rect path[aria-label*="camera-a"]').evaluate_all(
        "cells => cells.map((cell) => [getComputedStyle(cell).fillOpacity, cell.getAttribute('fill')])"
    )
    assert all(opacity == "0" or fill == "transparent" for opacity, fill in fills)
    dashes = page.locator('.mark-rect path[aria-label*="camera-a"]').evaluate_all(
        "cells => cells.map((cell) => cell.getAttribute('stroke-dasharray'))"
    )
    assert any(dashes)
    assert "moved" not in looking.title(page)


def test_the_list_on_a_narrow_screen_says_it_too(sparse: Site, browser: "Browser") -> None:
    with chromium.context(browser, width=NARROW, height=844) as (context, _):
        page = context.new_page()
        chromium.visit(page, sparse.url)
        line = page.locator("a:visible", has_text="camera-a in eu-west").inner_text()
        assert "too few" in line
        assert "74" in line
