"""What pages are made of: cards, tiles, notices, empty states, and the wide and narrow forms of a chart.

Names that devices and users choose are shown as text: in HTML they are escaped here, in Markdown by
`words.plain`.
"""

import functools
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec

import altair as alt
import streamlit as st

from driftline_dashboard import words
from driftline_dashboard.collector import Answer, Value

Arguments = ParamSpec("Arguments")
Figure = alt.Chart | alt.LayerChart | alt.VConcatChart

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
        @functools.wraps(draw)
        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            with st.skeleton(height=height):
                try:
                    draw(*args, **kwargs)
                except Exception:  # noqa: BLE001  # the boundary of a card: the others must go on
                    _log.exception("%s could not be drawn", draw.__qualname__)
                    notice("This part could not be drawn. The dashboard's log says why.", "error")

        fragment: Callable[Arguments, None] = st.fragment(
            guarded, parallel=True, run_every=REFRESH_S if live else None
        )
        return fragment

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


def section(title: str, note: str = "") -> None:
    """The heading of a part of a page, and a line that says how to read it."""
    said = f'<p class="dl-note">{escape(note)}</p>' if note else ""
    html(f'<h2 class="dl-h2">{escape(title)}</h2>{said}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A number with its name, and beside it the interval, the comparison, or what it is out of."""

    name: str
    value: str
    detail: str = ""
    bad: bool = False


def tiles(given: Iterable[Tile]) -> None:
    """Tiles in a row that wraps. One that needs attention carries a sign."""
    cells = "".join(
        f'<div class="dl-tile{" dl-bad" if tile.bad else ""}"><dt>{escape(tile.name)}</dt>'
        f"<dd><b>{'▲ ' if tile.bad else ''}{escape(tile.value)}</b>"
        f"<span>{escape(tile.detail)}</span></dd></div>"
        for tile in given
    )
    html(f'<dl class="dl-tiles">{cells}</dl>')


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


def chart(figure: Figure, *, says: str, key: str, on_select: Callable[[], None] | None = None) -> None:
    """A chart with the sentence that states its finding, for those who do not see it."""
    if on_select is None:
        st.altair_chart(figure, width="stretch", theme="streamlit", key=key, alt=says)
    else:
        st.altair_chart(figure, width="stretch", theme="streamlit", key=key, alt=says, on_select=on_select)


def wide(key: str) -> AbstractContextManager[Any]:
    """What is shown from 700 px on."""
    return st.container(key=f"dl-wide-{key}")


def narrow(key: str) -> AbstractContextManager[Any]:
    """What stands in for it below 700 px."""
    return st.container(key=f"dl-narrow-{key}")


def is_dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"
