from typing import TYPE_CHECKING

from tests.browser import chromium
from tests.browser.serving import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What is painted, as the browser has worked it out: letters and lines of charts, and the page behind.
_PAINTED = """() => {
  const parts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"] svg :is(text, path)')];
  const styles = parts.map((part) => getComputedStyle(part));
  const page = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
  return { page, colours: [...new Set(styles.flatMap((style) => [style.fill, style.stroke]))] };
}"""
_DARK = """() => getComputedStyle(document.querySelector('[data-testid="stApp"]')).colorScheme === 'dark'"""


def test_charts_take_the_colours_of_the_theme_without_a_new_run(site: Site, page: "Page") -> None:
    chromium.visit(page, f"{site.url}/drift")
    # From here on the server can draw nothing new.
    page.context.set_offline(True)
    light = page.evaluate(_PAINTED)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(_DARK)
    dark = page.evaluate(_PAINTED)
    assert dark["page"] != light["page"]
    assert "rgb(0, 114, 178)" in light["colours"]
    assert "rgb(86, 180, 233)" in dark["colours"]
    assert "rgb(0, 114, 178)" not in dark["colours"]
    assert "rgb(26, 29, 33)" not in dark["colours"]
