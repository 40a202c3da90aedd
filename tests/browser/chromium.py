"""Finds Chromium and drives it: contexts that keep an account of all they ask for, pages that have settled.

Playwright's synchronous interface keeps an event loop running in its thread for as long as a browser is open,
so that `asyncio.run` fails there meanwhile: close the browser before anything else is done in that thread.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from scripts import system_packages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

_NAMES = system_packages.NEEDS[0].names
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = 1440, 390
#: Milliseconds within which a page must have settled, on a machine that has other things to do.
PATIENCE_MS = 45_000

#: In JavaScript: the script has ended, no card waits, the title is there, and every chart is drawn.
DONE = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return app !== null
    && app.dataset.testScriptState === 'notRunning'
    && app.dataset.testConnectionState === 'CONNECTED'
    && document.querySelector('[data-testid^="stSkeleton"]') === null
    && document.querySelector('.dl-h1') !== null
    && charts.every((chart) => chart.offsetParent === null || chart.querySelector('svg, canvas'));
}"""
# Three looks in a row: there is a moment between a click and the start of the run that it causes.
_SETTLED = f"""() => {{
  window.driftlineSettled = ({DONE})() ? (window.driftlineSettled || 0) + 1 : 0;
  return window.driftlineSettled > 2;
}}"""


def path() -> str | None:
    """Where Chromium is, if it is installed."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def missing() -> str | None:
    """What to install before a browser can be driven; None where nothing lacks."""
    if importlib.util.find_spec("playwright") is None:
        return "the browser's tests need Playwright: pip install playwright"
    packages = [need.package for need in system_packages.missing() if need.tests == system_packages.BROWSER]
    return f"{system_packages.BROWSER} need: apt-get install {' '.join(packages)}" if packages else None


@contextmanager
def browser() -> "Iterator[Browser]":
    """A browser without a window and with a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path(), args=list(_FLAGS))
        try:
            yield running
        finally:
            running.close()


@dataclass(frozen=True)
class Account:
    """What a context has asked for, and what went wrong in its pages."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def abroad(self) -> list[str]:
        """The requests that leave the machine, or try to."""
        return [url for url in self.requests if not _local(url)]


def _local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"data", "blob", "about"} or parts.hostname == "127.0.0.1"


@contextmanager
def context(
    browser: "Browser",
    *,
    width: int = WIDE,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    timezone: str = "Europe/Berlin",
) -> "Iterator[tuple[BrowserContext, Account]]":
    """A new context, as a person has it who sits there, and the account that it keeps."""
    account = Account()
    opened = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id=timezone, locale="en-US"
    )
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("request", lambda request: account.requests.append(request.url))
    opened.on("page", lambda page: page.on("websocket", lambda ws: account.requests.append(ws.url)))
    opened.on("weberror", lambda error: account.errors.append(f"page: {error.error}"))
    opened.on("console", lambda message: _note(account, message))
    opened.on("dialog", lambda dialog: _close(account, dialog))
    try:
        yield opened, account
    finally:
        opened.close()


@contextmanager
def tab(context: "BrowserContext", account: Account) -> "Iterator[Page]":
    """A new tab, of which alone the account of its context is from now on."""
    account.requests.clear()
    account.errors.clear()
    opened = context.new_page()
    try:
        yield opened
    finally:
        opened.close()


def _note(account: Account, message: "ConsoleMessage") -> None:
    """Keep an error, but for the two questions by which Streamlit finds its own base path."""
    where = urlsplit(message.location.get("url", "")).path
    if message.type != "error" or where.endswith(("/_stcore/health", "/_stcore/host-config")):
        return
    account.errors.append(f"console: {message.text} ({message.location.get('url')})")


def _close(account: Account, dialog: "Dialog") -> None:
    account.errors.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def settle(page: "Page") -> None:
    """Wait until Streamlit has run, no card is waiting and each chart is drawn."""
    page.evaluate("window.driftlineSettled = 0")
    page.wait_for_function(_SETTLED, polling=60, timeout=PATIENCE_MS)


def visit(page: "Page", url: str) -> None:
    """Open an address as one that was typed in, and wait until the page has settled."""
    page.goto(url, wait_until="commit")
    settle(page)
