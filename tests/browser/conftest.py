from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, serving
from tests.browser.addresses import addresses
from tests.browser.chromium import Account
from tests.browser.serving import Site
from tests.seeding import SMALL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none, and say what to install."""
    lacking = chromium.missing()
    if lacking:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=lacking))


# Not for the session: Playwright's loop would run on while a worker does other tests, and their `asyncio.run`
# fail.
@pytest.fixture(scope="package")
def browser() -> "Iterator[Browser]":
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four devices of which one type has moved. For tests that leave nothing behind."""
    with serving.serving(tmp_path_factory.mktemp("site"), SMALL) as running:
        yield running


@pytest.fixture(scope="package")
def urls(site: Site) -> dict[str, str]:
    """The address of each page of the site."""
    return addresses(site.url, site.collector.url)


@pytest.fixture(scope="module")
def wide(browser: "Browser") -> "Iterator[tuple[BrowserContext, Account]]":
    """One for all tests of a module, as each new one must fetch Streamlit's scripts and compile them."""
    with chromium.context(browser) as (context, account):
        yield context, account


@pytest.fixture
def page(wide: "tuple[BrowserContext, Account]") -> "Iterator[Page]":
    """An empty tab, 1,440 pixels wide; nothing may go wrong in it, nor be asked of another machine."""
    context, account = wide
    with chromium.tab(context, account) as tab:
        yield tab
        assert account.errors == []
        assert account.abroad() == []
