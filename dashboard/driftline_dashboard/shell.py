"""What stands around each page: the menu, the pickers, the verdict as title, and the line on freshness."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from driftline_collector.client import Model, Overview
from driftline_schemas.segments import USER_PREFIX

from driftline_dashboard import address, collector, layout, routes, state, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.state import View

_HERE = Path(__file__).parent
# What a page has chosen by itself, which another filter makes void.
_ON_PAGES = ("segment", "page")


def dress() -> None:
    """The tab's name and icon, and the style sheet; before anything else is drawn."""
    st.set_page_config(page_title="driftline", page_icon=str(_HERE / "icon.png"), layout="wide")
    st.html(f"<style>{_style()}</style>")


@cache
def _style() -> str:
    return (_HERE / "style.css").read_text(encoding="utf-8")


def begin(
    name: str,
    *,
    own: Sequence[str] = (),
    pickers: Sequence[str] = ("model", "version"),
    without_model: bool = False,
) -> View | None:
    """Draw menu and pickers of a page; returns what the URL asks for, its model filled in.

    `own` names the page's parameters beside the shared ones; `pickers` are some of model, version, type,
    region, own (dimensions of the user's own) and range. Returns None where there is nothing to show yet:
    that has been said and is waited for. With `without_model` a collector that knows no model is enough, and
    the view has none.
    """
    view = state.current(own)
    answer = collector.models()
    models = answer.value.items if answer.value else ()
    known = [model.model for model in models]
    model = view.model or (known[0] if known else None)
    if model is not None:
        collector.overview_ahead(model)
    now = collector_now(answer, answer.value.as_of) if answer.value else utc_now()
    _menu(name, replace(view, model=model), now)
    if model is None and (answer.value is None or not without_model):
        _wait()
        return None
    problems = list(view.problems)
    if known and model not in known:
        problems.append(f"The collector knows no model “{model}”. It knows: {', '.join(known)}.")
    view = replace(view, model=model)
    _pickers(view, models, pickers, now)
    for problem in problems:
        layout.notice(problem, "warning")
    return view


def _menu(name: str, view: View, now: datetime) -> None:
    with st.container(key="dl-menu", horizontal=True, vertical_alignment="center", gap="small"):
        layout.html('<span class="dl-brand">driftline</span>')
        for target, route in routes.ROUTES.items():
            if route.in_menu and routes.has(target):
                here = "dl-here-" if target == name else "dl-to-"
                with st.container(key=f"{here}{target}", width="content"):
                    routes.link(target, route.title, view.to(feature=None))
        with st.popover("Link", type="tertiary"):
            layout.note("What is shown here, its time range pinned.")
            st.code(_address(view, now), language=None, wrap_lines=True)


def _address(view: View, now: datetime) -> str:
    """The address of what is shown, with a range that moves along pinned to where it is now."""
    start, end = view.bounds(now)
    pinned = replace(view, start=words.rfc3339(start), end=words.rfc3339(end))
    return f"{st.context.url or ''}?{urlencode(pinned.parameters())}"


def _pickers(view: View, models: Sequence[Model], wanted: Sequence[str], now: datetime) -> None:
    names = [model.model for model in models]
    chosen = next((model for model in models if model.model == view.model), None)
    versions = [each.version for each in chosen.versions] if chosen else []
    with st.container(key="dl-pickers", horizontal=True, gap="small"):
        if "model" in wanted and (len(models) > 1 or chosen is None):
            gone = ("version", "device_type", "region", "feature", "segment", "id", "page", *dict(view.own))
            state.choose("Model", "model", names, value=view.model, everything=None, forget=gone)
        for name, label, options, value, everything in (
            ("version", "Version", versions, view.version, "Every version"),
            ("type", "Device type", chosen.device_types if chosen else (), view.device_type, "Every type"),
            ("region", "Region", chosen.regions if chosen else (), view.region, "Every region"),
        ):
            if name in wanted:
                field = state.FIELDS.get(name, name)
                state.choose(label, field, options, value=value, everything=everything, forget=_ON_PAGES)
        if "own" in wanted:
            _own_pickers(view, chosen)
        if "range" in wanted:
            state.choose_range(view, now)


def _own_pickers(view: View, model: Model | None) -> None:
    """Those of the user's own dimensions: what the model is judged by, and what the URL names."""
    values = {dimension.name: dimension.values for dimension in model.own} if model else {}
    for name in sorted({*values, *dict(view.own)}):
        called = words.plain(name.removeprefix(USER_PREFIX))
        state.choose(
            called[:1].upper() + called[1:],
            name,
            values.get(name, ()),
            value=dict(view.own).get(name),
            everything=f"Every {name.removeprefix(USER_PREFIX)}",
            forget=_ON_PAGES,
        )


@st.fragment(run_every=layout.REFRESH_S / 2)
def _wait() -> None:
    """Say why there is nothing to show, and start the page again once there is."""
    answer = collector.models()
    if answer.value and answer.value.items:
        st.rerun()
    if answer.problem is not None:
        title("No collector answers" if answer.problem.kind == "unreachable" else "The collector refuses")
        layout.notice(f"{answer.problem.detail} This page goes on by itself once it answers.", "warning")
        return
    title("No device has reported yet")
    layout.empty(
        "The collector runs and has received no predictions.",
        "Point a device at it: three lines in the code that runs the model.",
    )
    st.code(
        "import driftline\n\n"
        'monitor = driftline.Monitor(model="digits", version="2.1.0", '
        f'device=driftline.Device(id="cam-017"), endpoint="{address.collector_url()}")\n'
        "monitor.record(features, label=label, score=score)",
        language="python",
        wrap_lines=True,
    )


def title(sentence: str, lead: str = "") -> None:
    """The title of a page: a sentence with the verdict. `lead` is a sign before it, such as ▲."""
    sign = (
        f'<span class="{"" if lead == "✓" else "dl-lead"}" aria-hidden="true">{escape(lead)}</span> '
        if lead
        else ""
    )
    layout.html(f'<h1 class="dl-h1">{sign}{_HYPHENED.sub(_unbroken, escape(sentence))}</h1>')


#: Names such as camera-b, short enough to stand on one line of the narrowest screen.
_HYPHENED = re.compile(r"(?<![\w&;-])[\w.]+(?:-[\w.]+)+(?![\w;-])")


def _unbroken(found: re.Match[str]) -> str:
    """A name that is not to be broken at its hyphens."""
    return f'<span class="dl-name">{found[0]}</span>' if len(found[0]) <= 24 else found[0]


def freshness(answer: Answer[Overview]) -> None:
    """`Data up to 09:41:20 UTC (18 s ago) · 1 987 of 2 000 devices reported`, or that nobody answers."""
    overview = layout.settled(answer, "Overview")
    if overview is None:
        return
    now = collector_now(answer, overview.as_of)
    up_to = words.parse_time(overview.data_up_to)
    if up_to is None:
        text = "No data yet"
    else:
        text = f"Data up to {words.clock(up_to, today=now, seconds=True)} UTC ({words.since(up_to, now)})"
    reported = (
        f"{words.count(overview.devices_reported)} of "
        f"{words.counted(overview.devices_expected, 'device')} reported"
    )
    layout.html(f'<p class="dl-fresh">{escape(text)} · {escape(reported)}</p>')


def collector_now(answer: Answer[Any], as_of: str | None) -> datetime:
    """The time at the collector, which data go by: `as_of` its answer, and what has gone by since."""
    then = words.parse_time(as_of) or answer.moment
    return then + timedelta(seconds=max(0.0, time.time() - answer.at))


def utc_now() -> datetime:
    """The time here, in UTC."""
    return datetime.now(UTC)
