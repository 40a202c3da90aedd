"""What pages are made of: cards, tiles, notices, empty states, and the wide and narrow forms of a chart.

Names that devices and users choose are shown as text: in HTML they are escaped here, in Markdown by
`words.plain`.
"""

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec

import streamlit as st
from driftline_collector.client import Estimate

from driftline_dashboard import routes, words
from driftline_dashboard.collector import Answer, Value

Arguments = ParamSpec("Arguments")

#: Seconds between two looks at what is live.
REFRESH_S = 10.0
_log = logging.getLogger(__name__)


def card(
    *, height: int = 120, live: bool = True
) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """Make of a function a part of a page that loads, fails and refreshes by itself.

    Cards of a page are drawn side by side in threads, each with a skeleton of `height` pixels while it waits;
    a live one looks again every REFRESH_S. What goes wrong in one is said in it and logged: the page goes on.
    """

    def wrap(draw: Callable[Arguments, None]) -> Callable[Arguments, None]:
        def guarded(url: dict[str, str], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            if st.query_params.to_dict() != url:
                # A click in this card has changed the URL: all cards are to show what it says now.
                st.rerun()
            with st.skeleton(height=height):
                try:
                    draw(*args, **kwargs)
                except Exception:  # noqa: BLE001  # the boundary of a card: the others must go on
                    _log.exception("%s could not be drawn", draw.__qualname__)
                    notice("This part could not be drawn. The dashboard's log says why.", "error")

        # Streamlit tells fragments apart by their functions' names.
        functools.update_wrapper(guarded, draw)
        fragment = st.fragment(guarded, parallel=True, run_every=REFRESH_S if live else None)

        @functools.wraps(draw)
        def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            fragment(st.query_params.to_dict(), *args, **kwargs)

        return drawn

    return wrap


def html(body: str) -> None:
    """HTML made here; what comes from outside has been escaped."""
    st.html(body)


def notice(text: str, kind: str = "info") -> None:
    """One sentence in a box: `info`, `warning` or `error`. Never by colour alone: each has its sign."""
    sign = {"info": "i", "warning": "!", "error": "×"}[kind]
    role = "status" if kind == "info" else "alert"
    html(
        f'<div class="dl-notice dl-{kind}" role="{role}">'
        f'<span class="dl-sign" aria-hidden="true">{sign}</span>'
        f"<span>{escape(text)}</span></div>"
    )


def empty(what: str, then: str, command: str | None = None) -> None:
    """An empty state: what is not there yet, what to do about it, and a command to copy."""
    html(f'<div class="dl-empty"><strong>{escape(what)}</strong><br>{escape(then)}</div>')
    if command:
        st.code(command, language=None)


def settled(answer: Answer[Value], what: str) -> Value | None:
    """The value of an answer, after saying what is wrong with it: stale, refused or missing altogether."""
    if answer.problem is None:
        return answer.value
    if answer.value is None:
        notice(f"{what}: {answer.problem.detail}", "warning")
        return None
    for_so_long = words.duration(max(0, int(time.time() - answer.at)))
    if answer.problem.kind == "unreachable":
        said = f"No answer from the collector for {for_so_long}."
    else:
        said = f"{what}: {answer.problem.detail}"
    notice(f"{said} Showing {words.clock(answer.moment)}.", "warning")
    return answer.value


def note(text: str) -> None:
    """A small line beside something."""
    html(f'<p class="dl-note">{escape(text)}</p>')


def html_line(strong: str, rest: str) -> None:
    """A sentence that counts, and what stands behind it."""
    html(f'<p class="dl-line"><b>{escape(strong)}</b><br><span>{escape(rest)}</span></p>')


def go(name: str, label: str, parameters: Mapping[str, str]) -> None:
    """A link to a page, or its label alone where there is no such page."""
    if routes.has(name):
        routes.link(name, label, parameters)
    else:
        note(label)


def section(title: str, note: str = "") -> None:
    """The heading of a part of a page, and a line that says how to read it."""
    said = f'<p class="dl-note">{escape(note)}</p>' if note else ""
    html(f'<h2 class="dl-h2">{escape(title)}</h2>{said}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A number with its name, and beside it the interval, the comparison, or what it is out of.

    `sign`: ▲ where it is over a limit, ! where it needs a look for another reason, else nothing.
    """

    name: str
    value: str
    detail: str = ""
    sign: str = ""


def tiles(given: Iterable[Tile]) -> None:
    """Tiles in a row that wraps. One that needs attention carries a sign."""
    cells = "".join(
        f'<div class="dl-tile{" dl-bad" if tile.sign else ""}"><dt>{escape(tile.name)}</dt>'
        f"<dd><b>{_sign(tile.sign)}{escape(tile.value)}</b>"
        f"<span>{escape(tile.detail)}</span></dd></div>"
        for tile in given
    )
    html(f'<dl class="dl-tiles">{cells}</dl>')


def _sign(sign: str) -> str:
    return f'<span class="dl-lead">{escape(sign)}</span> ' if sign else ""


def estimate_tile(name: str, estimate: Estimate, unit: str) -> Tile:
    """A share as a tile: the value, its 95 % interval and how many rows of what are behind it."""
    bounds = words.interval(estimate.lower, estimate.upper, words.share)
    detail = ", ".join(part for part in (bounds, f"n {words.count(estimate.n)} {unit}") if part)
    return Tile(name=name, value=words.share(estimate.value), detail=detail)


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, says: str, numbers: Sequence[int] = ()
) -> None:
    """A small table of text, its caption unseen; the columns in `numbers` are set to the right.

    For thousands of rows: st.dataframe.
    """

    def cell(tag: str, index: int, text: str) -> str:
        kind = ' class="dl-number"' if index in numbers else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    top = "".join(cell("th", index, text) for index, text in enumerate(head))
    body = "".join(
        f"<tr>{''.join(cell('td', index, text) for index, text in enumerate(row))}</tr>" for row in rows
    )
    html(
        f'<div class="dl-scroll"><table class="dl-table"><caption class="dl-unseen">{escape(says)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def row(key: str) -> AbstractContextManager[Any]:
    """Things side by side, each as wide as it is; they wrap on a narrow screen."""
    return st.container(
        key=f"dl-row-{key}", horizontal=True, vertical_alignment="center", gap="medium", width="stretch"
    )


def wide(key: str) -> AbstractContextManager[Any]:
    """What is shown from 700 px on."""
    return st.container(key=f"dl-wide-{key}")


def narrow(key: str) -> AbstractContextManager[Any]:
    """What stands in for it below 700 px."""
    return st.container(key=f"dl-narrow-{key}")
