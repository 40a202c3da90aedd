"""What a person sees on a page, asked of the page itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Visible shapes that stand for data: not axes, not the lines of limits, not what only catches clicks.
_CHARTS = """() => [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')]
  .filter((chart) => chart.offsetParent !== null)
  .map((chart) => {
    const shapes = chart.querySelectorAll(
      ['rect', 'symbol', 'line', 'area', 'arc'].map((kind) => `.role-mark.mark-${kind} path`).join(',')
    );
    const seen = [...shapes].filter((shape) => {
      const box = shape.getBoundingClientRect();
      const style = getComputedStyle(shape);
      const painted = style.fill !== 'none' && style.fill !== 'transparent' || style.stroke !== 'none';
      return painted && Number(style.opacity) > 0 && (box.width > 0 || box.height > 0);
    });
    return { says: chart.getAttribute('aria-label') || '', marks: seen.length };
  })"""

# Text that reaches beyond the window or beyond what an ancestor shows of it. What a person can scroll to
# within the page, as in a wide table, is not cut off.
_CUT_OFF = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const slack = 2;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest('style, script, noscript, title, canvas, .dl-unseen')) continue;
    if (!parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const say = (why) => found.push(`${node.data.trim().slice(0, 60)}: ${why}`);
    let scrolls = false;
    for (let up = parent; up && up !== document.body; up = up.parentElement) {
      const style = getComputedStyle(up);
      const page = up.matches('[data-testid="stMain"], [data-testid="stAppViewContainer"], .stApp, #root');
      if (page) break;
      if (/auto|scroll/.test(style.overflowX)) { scrolls = true; break; }
      const edge = up.getBoundingClientRect();
      if (edge.width <= 1) break;  // for those who listen, not for those who look
      if (!/hidden|clip/.test(style.overflowX + style.overflowY)) continue;
      if (box.left < edge.left - slack || box.right > edge.right + slack) { say('cut off sideways'); break; }
      if (box.top < edge.top - slack || box.bottom > edge.bottom + slack) { say('cut off in height'); break; }
    }
    if (!scrolls && (box.left < -slack || box.right > innerWidth + slack)) say('beyond the window');
  }
  return found;
}"""

_SIDEWAYS = """() => [document.scrollingElement, ...document.querySelectorAll('[data-testid="stMain"]')]
  .map((box) => box.scrollWidth - box.clientWidth)
  .reduce((most, each) => Math.max(most, each), 0)"""

_CHART_TEXTS = """() => [...document.querySelectorAll('[data-testid="stVegaLiteChart"] svg text')]
  .map((text) => text.textContent)"""


@dataclass(frozen=True)
class Chart:
    """What a chart says it shows, and how many shapes it shows that with."""

    says: str
    marks: int


def title(page: "Page") -> str:
    """The sentence at the top."""
    return page.locator("h1.dl-h1").inner_text()


def text(page: "Page") -> str:
    """All that can be read, but for what is drawn in tables of thousands of rows."""
    return page.locator("[data-testid=stMain]").inner_text()


def charts(page: "Page") -> list[Chart]:
    """The charts that are to be seen, from the top."""
    return [Chart(**each) for each in page.evaluate(_CHARTS)]


def chart_texts(page: "Page") -> list[str]:
    """Labels of axes, marks and limits in all charts, in order."""
    found: list[str] = page.evaluate(_CHART_TEXTS)
    return found


def chart_says(page: "Page") -> list[str]:
    """All that charts and their marks tell those who do not see them."""
    found: list[str] = page.locator('[data-testid="stVegaLiteChart"], .role-mark [aria-label]').evaluate_all(
        "parts => parts.map((part) => part.getAttribute('aria-label') || '')"
    )
    return found


def cells(page: "Page") -> list[str]:
    """What stands in the tables that are drawn, which take a moment longer than the page to be filled."""
    tables = page.locator("[data-testid=stDataFrame]")
    for table in tables.all():
        table.locator("canvas td").first.wait_for(state="attached")
    return tables.locator("canvas td").all_text_contents()


def squeezed(text: str) -> str:
    """Text without its blanks, which a browser sets as it sees fit."""
    return "".join(text.split())


def cut_off(page: "Page") -> list[str]:
    """Texts of which a part cannot be seen, each with the reason."""
    found: list[str] = page.evaluate(_CUT_OFF)
    return found


def scrolls_sideways_by(page: "Page") -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate(_SIDEWAYS))


def picked(page: "Page") -> list[str]:
    """What stands in the pickers, from the left."""
    found: list[str] = page.locator("[data-testid=stSelectbox] input").evaluate_all(
        "inputs => inputs.map((input) => input.value)"
    )
    return found


def pick(page: "Page", picker: str, option: str) -> None:
    """Choose an option of a picker."""
    page.locator("[data-testid=stSelectbox]", has_text=picker).locator("input").click()
    page.get_by_role("option", name=option, exact=True).click()


def until(page: "Page", true: Callable[[], bool]) -> None:
    """Look again and again until it is true; fail at the deadline."""
    deadline = time.monotonic() + chromium.PATIENCE_MS / 1000
    while not true():
        assert time.monotonic() < deadline, f"it did not come true at {page.url}"
        page.wait_for_timeout(50)
