from typing import TYPE_CHECKING

from tests.browser import chromium, looking
from tests.browser.serving import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Brand, five pages of the menu, the link: whoever needs more than these to act has too far to go.
_AT_MOST = 12
_FOCUS = """() => {
  const link = document.activeElement;
  const style = getComputedStyle(link);
  const box = link.getBoundingClientRect();
  return {
    text: link.innerText || '',
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
    seen: box.top >= 0 && box.bottom <= innerHeight && box.width > 0,
  };
}"""


def test_the_keyboard_reaches_the_first_action_shows_where_it_is_and_opens_it(
    site: Site, page: "Page"
) -> None:
    chromium.visit(page, site.url)
    focus = {"text": ""}
    for _ in range(_AT_MOST):
        page.keyboard.press("Tab")
        focus = page.evaluate(_FOCUS)
        if focus["text"].startswith("Investigate"):
            break
    assert focus == {"text": "Investigate\u00a0→", "outlined": True, "seen": True}
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/alert?**")
    looking.until(page, lambda: "moved on camera-b" in looking.title(page))


def test_the_keyboard_picks_and_moves_between_pages(site: Site, page: "Page") -> None:
    chromium.visit(page, f"{site.url}/drift")
    page.get_by_role("combobox", name="Device type").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="camera-b", exact=True).wait_for()
    while "camera-b" not in str(page.evaluate(_OPTION)):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/drift?type=camera-b")
    chromium.settle(page)  # the links say so once the page has been drawn again
    page.get_by_role("link", name="Devices", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/devices?*type=camera-b*")
    looking.until(page, lambda: "camera-b" in looking.title(page))


_OPTION = """() => {
  const id = document.activeElement.getAttribute('aria-activedescendant');
  return id && document.getElementById(id) ? document.getElementById(id).innerText : '';
}"""
