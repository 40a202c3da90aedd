from typing import TYPE_CHECKING

from tests.browser import chromium
from tests.browser.serving import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# What is painted, as the browser has worked it out: letters and lines of charts, and the page behind.
_PAINTED = """() => {
  const parts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"] svg :is(text, path)')];
  const styles = parts.map((part) => getComputedStyle(part));
  const page = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
  return { page, colours: [...new Set(styles.flatMap((style) => [style.fill, style.stroke]))] };
}"""
# Text that is too pale on what is behind it: below 4.5 to 1, as WCAG 2 has it. Numbers on the squares of heat
# maps are black or white by `palette.on`, which has a test of its own.
_PALE = """() => {
  const parse = (colour) => {
    const numbers = (colour.match(/[0-9.]+/g) || []).map(Number);
    const scale = colour.startsWith('color(srgb') ? 255 : 1;
    return [...numbers.slice(0, 3).map((part) => part * scale), numbers[3] ?? 1];
  };
  const over = (front, back) => front.slice(0, 3)
    .map((part, i) => part * front[3] + back[i] * (1 - front[3]));
  const behind = (element) => {
    const painted = [];
    for (let up = element; up; up = up.parentElement) {
      painted.push(parse(getComputedStyle(up).backgroundColor));
    }
    return painted.reverse().reduce((back, front) => over(front, back), [255, 255, 255]);
  };
  const luminance = (colour) => colour
    .map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const unread = 'style, script, noscript, title, .dl-unseen, .role-mark';
    if (!node.data.trim() || parent.closest(unread)) continue;
    if (!parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (parent.getBoundingClientRect().width <= 1) continue;
    const style = getComputedStyle(parent);
    const back = behind(parent);
    const front = over(parse(parent.closest('svg') ? style.fill : style.color), back);
    const [bright, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) found.push(`${node.data.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return found;
}"""
_DARK = """() => getComputedStyle(document.querySelector('[data-testid="stApp"]')).colorScheme === 'dark'"""


def test_charts_take_the_colours_of_the_theme_without_a_new_run(site: Site, browser: "Browser") -> None:
    with chromium.context(browser) as (context, _):
        page = context.new_page()
        chromium.visit(page, f"{site.url}/drift")
        # From here on the server can draw nothing new.
        context.set_offline(True)
        light = page.evaluate(_PAINTED)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(_DARK)
        dark = page.evaluate(_PAINTED)
    assert dark["page"] != light["page"]
    assert "rgb(0, 114, 178)" in light["colours"]
    assert "rgb(86, 180, 233)" in dark["colours"]
    assert "rgb(0, 114, 178)" not in dark["colours"]
    assert "rgb(26, 29, 33)" not in dark["colours"]


def test_all_text_can_be_read_light_and_dark(page: "Page", urls: dict[str, str]) -> None:
    for name, url in urls.items():
        page.emulate_media(color_scheme="light")
        chromium.visit(page, url)
        assert page.evaluate(_PALE) == [], f"{name}, light"
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(_DARK)
        assert page.evaluate(_PALE) == [], f"{name}, dark"


def test_text_that_is_too_pale_is_found(page: "Page") -> None:
    page.set_content('<p style="color: #888">pale</p><p style="color: #666">dark enough</p>')
    assert page.evaluate(_PALE) == ["pale: 3.54"]
