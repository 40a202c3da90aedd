"""Web pages of another origin than the collector's: bundled as for production, served, opened in Chromium."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import chromium
from tests.clients import node

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_HTML = """<!doctype html><meta charset="utf-8"><title>page</title><link rel="icon" href="data:,">
<script type="module" src="page.js"></script>"""


def skip_where_it_lacks() -> None:
    """Skip the test where there is no Node.js, no package or no browser."""
    if why := node.missing() or chromium.missing():
        pytest.skip(why)


def bundle(script: str, into: Path, *, folder: Path = node.FOLDER, **options: Any) -> None:
    """Make a page of a script of `folder`; `options` are esbuild's."""
    node.run(
        str(node.FOLDER / "bundle.mjs"), script, str(into / "page.js"), json.dumps(options), folder=folder
    )
    (into / "index.html").write_text(_HTML)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        pass


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """The origin that serves a folder, such as http://127.0.0.1:34567."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Seen:
    """What a browser got from a collector: (path, headers) of preflights and of answers, and errors."""

    preflights: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    answers: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: "Browser", origin: str, collector: str) -> "Iterator[tuple[Page, Seen]]":
    """The page of an origin, and what it gets from the collector."""
    seen = Seen()

    def note(event: dict[str, Any]) -> None:
        answer = event["response"]
        if answer["url"].startswith(collector):
            headers = {name.lower(): value for name, value in answer["headers"].items()}
            kept = seen.preflights if event["type"] == "Preflight" else seen.answers
            kept.append(
                (answer["url"].removeprefix(collector), {":status": str(answer["status"]), **headers})
            )

    with chromium.context(browser) as (context, account):
        page = context.new_page()
        network = context.new_cdp_session(page)  # Playwright itself does not tell of preflights
        network.on("Network.responseReceived", note)
        network.send("Network.enable")
        page.goto(origin)
        yield page, seen
        seen.errors.extend(account.errors)
