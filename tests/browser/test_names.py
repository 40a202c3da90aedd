from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, looking, serving
from tests.browser.addresses import PAGES, addresses
from tests.browser.chromium import NARROW, Account
from tests.browser.serving import Site
from tests.seeding.fleet import hostile

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

# What a name would have become that was taken for something else than text.
_MADE = """() => [
  ...[...document.links].filter((link) => new URL(link.href).origin !== location.origin),
  ...document.querySelectorAll('[src*="evil.example"]'),
  ...[...document.scripts].filter((script) => script.textContent.includes('alert(1)')),
].map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving.serving(tmp_path_factory.mktemp("nasty"), hostile()) as running:
        yield running


@pytest.fixture(scope="module")
def theirs(nasty: Site) -> dict[str, str]:
    return addresses(nasty.url, nasty.collector.url)


@pytest.mark.parametrize("name", PAGES)
def test_names_that_are_markup_stand_as_text_and_do_nothing(
    wide: "tuple[BrowserContext, Account]", nasty: Site, theirs: dict[str, str], name: str
) -> None:
    fleet = nasty.fleet
    # Each page names some of them; all of these must be there, letter by letter.
    shown = {
        "now": [fleet.model_name, *fleet.type_names],
        "alert": [fleet.type_names[1], fleet.feature_names[0], fleet.feature_names[1]],
        "drift": list(fleet.feature_names),
        "quality": [fleet.model_name, *fleet.version_names],
        "devices": [fleet.model_name, *fleet.type_names],
        "device": [fleet.model_name, fleet.members[1].name],
        "prediction": [fleet.model_name],
        "system": [fleet.model_name, *fleet.version_names],
    }[name]
    with chromium.tab(*wide) as page:
        chromium.visit(page, theirs[name])
        said = " ".join([looking.text(page), *looking.chart_says(page), *looking.chart_texts(page)])
        assert [each for each in shown if looking.squeezed(each) not in looking.squeezed(said)] == []
        assert page.evaluate(_MADE) == []
        # On a narrow screen names stand in links, which are Markdown.
        page.set_viewport_size({"width": NARROW, "height": 844})
        chromium.settle(page)
        assert page.evaluate(_MADE) == []
        assert looking.scrolls_sideways_by(page) <= 0
        assert page.locator(".dl-notice.dl-error").count() == 0
    _, account = wide
    assert account.errors == []
    assert account.abroad() == []
