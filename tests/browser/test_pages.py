from typing import TYPE_CHECKING

from tests.browser import chromium
from tests.browser.serving import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_first_page_says_what_has_moved(site: Site, browser: "Browser") -> None:
    with chromium.context(browser) as (context, account):
        page = context.new_page()
        chromium.visit(page, site.url)
        assert "has moved: camera-b" in page.locator("h1").inner_text()
        assert account.errors == []
        assert account.abroad() == []
