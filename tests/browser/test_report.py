"""The file that `driftline report` writes, in a browser: in both themes, wide and narrow, all by itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import chromium
from tests.browser.serving import Site
from tests.browser.test_theme import _PALE
from tests.cli.command import here

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def report(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    done = here("report", "--url", site.collector.url, "-o", file)
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_report_can_be_read_in_either_theme_and_width(
    browser: "Browser", report: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    with chromium.context(browser, width=width, scheme=scheme) as (context, account):
        tab = context.new_page()
        tab.goto(report.as_uri())
        assert "drifted since" in tab.title()
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate(_PALE) == []
        assert tab.locator("svg[role=img]").count() > 3
        assert tab.locator("rect.now").first.bounding_box() is not None
        assert account.errors == []
        assert account.requests == [report.as_uri()]
