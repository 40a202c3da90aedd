"""The pictures of the README and docs: `make screenshots`.

They are taken of a seeded fleet by a collector whose clock stands still, so that they only change when a page
does. What differs from machine to machine (ports, paths, free space) is written over before the shutter.
"""

import argparse
import io
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import uvicorn
from driftline_collector.store.usage import Space, note_usage
from fastapi import FastAPI
from PIL import Image, ImageChops

from tests.api.seeded import seeded
from tests.browser import chromium
from tests.browser.addresses import addresses
from tests.browser.serving import dashboard
from tests.seeding import Fleet

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Large enough for every part of a page to have something to show, small enough for a picture.
SHOWN = Fleet(
    devices=240,
    types=4,
    regions=3,
    features=12,
    silent=3,
    idle=2,
    new=1,
    rate=30,
    samples=4000,
)
_WIDTH = 1440
_FEW_PIXELS = 40
_EXACT = 96
#: Patterns of JavaScript and what is written instead.
_FIXED = (
    (r"\(\d+\s(s|min) ago\)", "(80\u202fs ago)"),
    (r"^\d+\s(s|min) ago$", "80\u202fs ago"),
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:4318"),
    (r"[\d.]+\s[kMGT]B (are )?free", "412\u202fGB $1free"),
    (r"^[\d.]+\s[kMG]B on the disk", "38.4\u202fMB on the disk"),
    (r"and [\d.]+\s(bytes|[kMGT]B) of log", "and 4.2\u202fMB of log"),
    (r"^[\d.]+\s[kMG]B$", "38.4\u202fMB"),
    (r"^/.*\.duckdb$", "/var/lib/driftline/driftline.duckdb"),
)
_FIX = """(fixed) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest('td.dl-number')) continue;  // what a table counts is the fleet's
    for (const [pattern, text] of fixed) node.data = node.data.replace(new RegExp(pattern), text);
  }
}"""
_HEIGHT = """() => {
  const block = document.querySelector('[data-testid="stMainBlockContainer"]');
  const below = parseFloat(getComputedStyle(block).paddingBottom);
  return Math.ceil(block.getBoundingClientRect().bottom - below) + 24;
}"""


def shoot(page: "Page", url: str) -> bytes:
    """The whole of a page as a PNG of 256 colours."""
    chromium.visit(page, url)
    # The page scrolls within itself, so that the window has to be as high as what is in it.
    page.set_viewport_size({"width": _WIDTH, "height": page.evaluate(_HEIGHT)})
    chromium.settle(page)
    page.evaluate(_FIX, [list(pair) for pair in _FIXED])
    taken = page.screenshot(animations="disabled", caret="hide")
    with Image.open(io.BytesIO(taken)) as picture:
        small = _of_256_colours(picture.convert("RGB"))
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return written.getvalue()


def _of_256_colours(picture: Image.Image) -> Image.Image:
    """Its most frequent colours as they are, so that no surface changes; the rest as near as can be."""
    # The method that keeps what is rare, such as the colour of a warning.
    rare = picture.quantize(256 - _EXACT, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    pixels = np.asarray(picture, np.int32) @ (1 << 16, 1 << 8, 1)
    colours, place, count = np.unique(pixels, return_inverse=True, return_counts=True)
    apart = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    palette = np.concatenate([apart[np.argsort(-count)[:_EXACT]], np.reshape(rare, (-1, 3))])[:256]
    nearest = np.square(apart[:, None] - palette).sum(axis=2).argmin(axis=1)
    small = Image.fromarray(nearest[place].reshape(pixels.shape).astype(np.uint8), "P")
    small.putpalette(palette.ravel().tolist())
    return small


def take(urls: Mapping[str, str], folder: Path) -> None:
    """Write a picture of each page into a folder, under the page's name; one that looks as before is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium.browser() as browser:
        for name, url in urls.items():
            with chromium.context(browser, width=_WIDTH) as (context, _):
                taken = shoot(context.new_page(), url)
            file = folder / f"{name}.png"
            if not file.exists() or not alike(file.read_bytes(), taken):
                file.write_bytes(taken)


def alike(first: bytes, second: bytes) -> bool:
    """Whether two pictures are the same but for a few pixels at the edge of a letter or a line."""
    with Image.open(io.BytesIO(first)) as one, Image.open(io.BytesIO(second)) as other:
        if one.size != other.size:
            return False
        apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).convert("L")
    return sum(apart.point(lambda level: 255 * (level > 8)).histogram()[1:]) <= _FEW_PIXELS


@contextmanager
def _listening(api: FastAPI) -> Iterator[str]:
    """The API at a port of its own, its clock as it was made."""
    server = uvicorn.Server(uvicorn.Config(api, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    lacking = chromium.missing()
    if lacking:
        raise SystemExit(lacking)
    with tempfile.TemporaryDirectory() as name:
        own = Path(name)
        with (
            seeded(own / "driftline.duckdb", SHOWN, Space(own, reserve=0)) as fleet,
            _listening(fleet.api) as collector_url,
            dashboard(own, collector_url) as showing,
        ):
            fleet.store.archive.cursor.execute("CHECKPOINT")
            note_usage(fleet.store.archive.cursor, SHOWN.now_ns)  # as a collector does within a minute
            take(addresses(showing.url, collector_url), given.folder)


if __name__ == "__main__":
    main()
