import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.browser import screenshots
from tests.browser.addresses import PAGES
from tests.browser.serving import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

_MOST_BYTES = 150_000
_DOCS = ROOT / "docs"
_SHOWN = re.compile(r"!\[([^\]]+)\]\(([^)]+\.png)\)")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_shot_from_top_to_bottom(name: str, page: "Page", urls: dict[str, str]) -> None:
    taken = screenshots.shoot(page, urls[name])
    with Image.open(io.BytesIO(taken)) as picture:
        assert picture.format == "PNG"
        assert picture.width == 1440
        assert 500 < picture.height < 3000
        assert len(picture.getcolors() or ()) > 32
    assert len(taken) < _MOST_BYTES
    assert screenshots.alike(taken, taken)


def test_a_picture_of_another_page_is_not_alike(page: "Page", urls: dict[str, str]) -> None:
    pictures = [screenshots.shoot(page, urls[name]) for name in ("now", "system")]
    assert not screenshots.alike(*pictures)


def test_every_page_has_a_picture_in_the_docs_and_no_picture_is_too_large() -> None:
    shown = {target for _, target in _SHOWN.findall((_DOCS / "dashboard.md").read_text())}
    assert shown == {f"images/{name}.png" for name in PAGES}
    for target in shown:
        assert (_DOCS / target).stat().st_size < _MOST_BYTES
    assert {file.name for file in (_DOCS / "images").iterdir()} == {f"{name}.png" for name in PAGES}


def test_the_readme_shows_pictures_that_are_there_and_says_what_is_in_them() -> None:
    shown = _SHOWN.findall((ROOT / "README.md").read_text())
    assert {target for _, target in shown} >= {"docs/images/now.png", "docs/images/alert.png"}
    for says, target in shown:
        assert len(says.split()) > 4
        assert (ROOT / target).is_file()
