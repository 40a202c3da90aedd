"""OpenTelemetry's JavaScript SDK in a page of another origin: let in where it is named, and only there."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium
from tests.clients import webpage
from tests.clients.from_javascript import assert_everything_is_there
from tests.receiver.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage

PATHS = {"/v1/traces", "/v1/logs", "/v1/metrics"}
SEND = "([transport, url, ms]) => window.everything(transport, url, ms)"
#: A request that needs no preflight, so that it is sent whatever the collector thinks of the page.
SIMPLE = """(url) => fetch(url, {method: "POST", body: "{}"})
    .then((answer) => answer.status, (error) => error.name)"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    webpage.skip_where_it_lacks()
    folder = tmp_path_factory.mktemp("page")
    webpage.bundle("from_page.mjs", folder)
    with webpage.site(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser(origin: str) -> "Iterator[Browser]":
    with chromium.browser() as running:
        yield running


@pytest.mark.parametrize("transport", ["json", "protobuf"])
def test_what_a_page_that_is_let_in_sends_is_read_back_equal(
    tmp_path: Path, browser: "Browser", origin: str, transport: str
) -> None:
    with serving(tmp_path, origins=[origin]) as served:
        with webpage.opened(browser, origin, served.url) as (page, seen):
            told = page.evaluate(SEND, [transport, served.url, 10_000])
        assert_everything_is_there(served, told)
    assert seen.errors == []
    assert {path for path, _ in seen.preflights} == {path for path, _ in seen.answers} == PATHS
    for _, headers in seen.preflights:
        assert headers[":status"] == "204"
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-methods"] == "POST"
        assert headers["access-control-allow-headers"] == "content-type"
        assert headers["access-control-max-age"] == "7200"
    for _, headers in seen.answers:
        assert headers[":status"] == "200"
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-expose-headers"] == "Retry-After"
        assert headers["vary"] == "Origin"


@pytest.mark.parametrize("transport", ["json", "protobuf"])
@pytest.mark.parametrize("others", [[], ["https://other.example"]], ids=["no origin", "another origin"])
def test_the_browser_sends_nothing_for_a_page_that_is_not_let_in(
    tmp_path: Path, browser: "Browser", origin: str, transport: str, others: list[str]
) -> None:
    """It asks first, by a preflight, and the collector does not say yes: no record leaves the page."""
    from playwright.sync_api import Error

    with serving(tmp_path, origins=others) as served:
        with (
            webpage.opened(browser, origin, served.url) as (page, seen),
            page.expect_console_message(blocked),
            pytest.raises(Error, match="network error"),
        ):
            page.evaluate(SEND, [transport, served.url, 500])
        assert sum(served.count(table) for table in ("spans", "logs", "metrics")) == 0
    assert seen.answers == []
    assert seen.preflights
    for _, headers in seen.preflights:
        assert headers[":status"] == "405"
        assert not [name for name in headers if name.startswith("access-control-")]


def test_what_needs_no_leave_to_be_sent_is_not_taken_nor_its_answer_shown(
    tmp_path: Path, browser: "Browser", origin: str
) -> None:
    """A page may send text to anybody: the collector takes no text, and the page does not learn even that."""
    with serving(tmp_path) as served:
        with (
            webpage.opened(browser, origin, served.url) as (page, _),
            page.expect_console_message(blocked),
        ):
            assert page.evaluate(SIMPLE, f"{served.url}/v1/logs") == "TypeError"
        assert served.count("logs") == 0


def blocked(message: "ConsoleMessage") -> bool:
    return "blocked by CORS policy" in message.text
