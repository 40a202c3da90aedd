from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, serving
from tests.browser.addresses import PAGES, address
from tests.browser.serving import Program

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    folder: Path = tmp_path_factory.mktemp("empty")
    with serving.collector(folder, None) as collector, serving.dashboard(folder, collector.url) as dashboard:
        yield collector, dashboard


def test_before_any_device_has_reported_each_page_says_what_to_do(
    empty: tuple[Program, Program], page: "Page"
) -> None:
    collector, dashboard = empty
    for name in PAGES:
        chromium.visit(page, address(dashboard.url, name))
        text = looking.text(page)
        assert "No device has reported yet" in text, name
        if name != "system":
            assert "Point a device at it" in text, name
            assert f'endpoint="{collector.url}"' in text, name
