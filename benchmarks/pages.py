"""How long pages take: a real Chromium, the real dashboard and collector, with 4 devices and with 2,000.

    python -m benchmarks.pages --json

The large fleet has 2,000 devices, 40 features, 20 cells and 500 alerts; its figures have these names, those
of the small one the same with `small_` before them. All are seconds, medians of several runs, on the
browser's own clock. A page has settled when no card waits, Streamlit has nothing left to run and each chart
is drawn, and all of that stays so for half a second (which is not counted).

- `now_warm_s`, `alert_warm_s`, `drift_warm_s`: from the start of the navigation until the page has settled,
  in a browser and a server that have shown it before. The answers that the dashboard keeps have run out.
- `now_headline_s`, `alert_headline_s`, `drift_headline_s`: the same until its title with the verdict appears.
- `cold_s`, `cold_headline_s`: the first page in a new browser, of a dashboard that was started just now.
- `rerun_s`: from a click on a cell of the grid (Now) or of the heat map (Drift) until all cards show what was
  picked.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import chromium, serving
from tests.browser.addresses import addresses
from tests.seeding import LARGE, SMALL, Fleet

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ("now", "alert", "drift")
#: Page → where it has cells to click on.
CELLS = {"now": "grid", "drift": "drift-heatmap"}
#: Seconds for which the dashboard keeps an answer, and a little more.
FORGOTTEN_S = 5.2
_STAYS_MS = 500
# A click starts the clock anew, and what it asks for shows in the address before it shows on the page.
_CLOCK = f"""(() => {{
  const done = {chromium.DONE};
  const clock = window.driftlineClock = {{start: 0, headline: null, settled: null, left: null}};
  document.addEventListener('click', () => {{
    Object.assign(clock, {{start: performance.now(), settled: null, left: location.href}});
  }}, true);
  setInterval(() => {{
    const now = performance.now();
    if (clock.headline === null && document.querySelector('.dl-h1')) clock.headline = now;
    if (!done() || location.href === clock.left) clock.settled = null;
    else if (clock.settled === null) clock.settled = now;
  }}, 10);
}})()"""
_STAYED = f"""() => window.driftlineClock.settled !== null
  && performance.now() - window.driftlineClock.settled > {_STAYS_MS}"""

Say = Callable[[str], None]
Times = dict[str, list[float]]


@contextmanager
def tab() -> "Iterator[Page]":
    """A page of a new browser with a profile of its own, and the clock in it."""
    with chromium.browser() as browser, chromium.context(browser) as (context, _):
        context.add_init_script(_CLOCK)
        yield context.new_page()


def opened(page: "Page", url: str) -> tuple[float, float]:
    """Seconds from the start of the navigation to the headline, and until the page has settled."""
    page.goto(url, wait_until="commit")
    return _read(page)


def picked(page: "Page", where: str, number: int) -> float:
    """Seconds from a click on one of the cells until the page has settled again."""
    # The first layer are the cells themselves; others frame those without a verdict, and the chosen one.
    cells = page.locator(f".st-key-dl-wide-{where} .mark-rect").first.locator("path")
    cell = cells.nth(number % cells.count())
    cell.scroll_into_view_if_needed()
    cell.click(force=True)  # what is written on it takes the click as well
    return _read(page)[1]


def _read(page: "Page") -> tuple[float, float]:
    page.wait_for_function(_STAYED, polling=50, timeout=chromium.PATIENCE_MS)
    clock = page.evaluate("window.driftlineClock")
    return (clock["headline"] - clock["start"]) / 1e3, (clock["settled"] - clock["start"]) / 1e3


def measured(folder: Path, fleet: Fleet, runs: int, say: Say) -> dict[str, float]:
    """Every figure of a fleet, whose database is made in the folder where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    times: Times = {}

    def keep(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)
        say(f"{fleet.devices} devices: {name} {seconds:.2f}")

    with serving.collector(folder, fleet) as collector:
        for _ in range(max(1, (runs + 1) // 2)):
            with serving.dashboard(folder, collector.url) as dashboard, tab() as page:
                headline, settled = opened(page, dashboard.url)
            keep("cold_headline_s", headline)
            keep("cold_s", settled)
        with serving.dashboard(folder, collector.url) as dashboard, tab() as page:
            urls = addresses(dashboard.url, collector.url)
            for name in PAGES:
                opened(page, urls[name])
            for _ in range(runs):
                for name in PAGES:
                    time.sleep(FORGOTTEN_S)
                    headline, settled = opened(page, urls[name])
                    keep(f"{name}_headline_s", headline)
                    keep(f"{name}_warm_s", settled)
            for name, where in CELLS.items():
                opened(page, urls[name])
                for run in range(runs):
                    keep("rerun_s", picked(page, where, run))
    return {name: round(statistics.median(found), 3) for name, found in times.items()}


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--runs", type=int, default=5, help="of each page and fleet (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the filled databases here, for the next time")
    options = parser.parse_args()
    if lacking := chromium.missing():
        raise SystemExit(lacking)
    say: Say = (lambda _: None) if options.json else print
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        small = measured(folder / "small", SMALL, options.runs, say)
        large = measured(folder / "large", LARGE, options.runs, say)
    print(json.dumps(large | {f"small_{name}": seconds for name, seconds in small.items()}))


if __name__ == "__main__":
    main()
