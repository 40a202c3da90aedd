"""Devices: which ones?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st
from driftline_collector.client import Device, Page

from driftline_dashboard import charts, collector, layout, routes, shell, state, tables, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import fleet
from driftline_dashboard.layout import Tile
from driftline_dashboard.paging import Paged, pager
from driftline_dashboard.state import View

#: What a device can be, in the order in which it needs somebody.
STATES = {
    "moved": "Moved",
    "silent": "Silent",
    "idle": "Idle",
    "new": "New",
    "ended": "Ended",
    "retired": "Retired",
    "ok": "Well",
}
_MEANS = {
    "moved": "its inputs have moved",
    "silent": "expected, and has not reported",
    "idle": "reports, and predicts nothing",
    "new": "not judged yet",
    "ended": "said goodbye",
    "retired": "gone for good, an operator said",
    "ok": "nothing to say",
}
_SIGNS = {"moved": "▲ ", "silent": "! "}
# More than this no page can show; the collector is asked for one more page than that.
_MOST = 10_000
_GROUPS = 12
_NARROW_ROWS = 20
# Rows that are shown without scrolling in the table.
_SHORT = 15
_TABLE = "devices-table"


def draw() -> None:
    """Draw the page."""
    pickers = ("model", "version", "type", "region", "own", "range")
    view = shell.begin("devices", own=("id", "segment", "state", "page"), pickers=pickers)
    if view is None:
        return
    if view.state is not None and view.state not in STATES:
        layout.notice(
            f"There is no state “{view.state}”; it was left out. There are: {', '.join(STATES)}.", "warning"
        )
        view = replace(view, state=None)
    _headline(view)
    _tiles(view)
    _groups(view)
    _table(view)


def _asked(view: View) -> Answer[Page[Device]]:
    whose = view.filters() if view.segment is None else {"segment": view.segment}
    return collector.devices(**whose, **view.span(), limit=_MOST)


@layout.card(height=72)
def _headline(view: View) -> None:
    answer = _asked(view)
    if answer.value is None:
        shell.title(f"Which devices of {view.model} there are is not known")
        layout.settled(answer, "Devices")
    else:
        sentence, sign = title(view, answer.value.items)
        shell.title(sentence, lead=sign)
    shell.freshness(collector.overview(view.model))


def title(view: View, devices: Sequence[Device]) -> tuple[str, str]:
    """The verdict on the devices in view, and the sign before it."""
    count = Counter(device.state for device in devices)
    where = f"{view.model}{f' {view.version}' if view.version else ''}"
    dimensions = " in ".join(part for part in (view.device_type, view.region) if part)
    subject = f"{where}, {dimensions}" if dimensions else where
    if view.segment is not None or view.own:
        subject = words.where(view.segment or view.to_segment(), model=True)
    if not devices:
        return f"No device of {subject} has reported in this time", ""
    total = words.counted(len(devices), "device")
    wrong = []
    if count["moved"]:
        wrong.append(f"{words.count(count['moved'])} of {total} {_have(count['moved'])} moved")
    if count["silent"]:
        silent = f"{words.count(count['silent'])}{'' if wrong else f' of {total}'}"
        wrong.append(f"{silent} {'is' if count['silent'] == 1 else 'are'} silent")
    if wrong:
        return f"{subject}: {' and '.join(wrong)}", "▲" if count["moved"] else "!"
    return f"{subject}: {total}, none moved and none silent", ""


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


@layout.card(height=92)
def _tiles(view: View) -> None:
    found = _asked(view).value
    if not found:
        return
    count = Counter(device.state for device in found)
    lost = sum(device.lost for device in found)
    made = sum(device.predictions for device in found)
    losing = sum(device.lost > 0 for device in found)
    shown = [
        Tile(name="Devices", value=words.count(len(found)), detail="known in this time"),
        Tile(
            name="Moved",
            value=words.count(count["moved"]),
            detail=_of(count["moved"], len(found)),
            sign="▲" if count["moved"] else "",
        ),
        Tile(
            name="Silent",
            value=words.count(count["silent"]),
            detail=_of(count["silent"], len(found)),
            sign="!" if count["silent"] else "",
        ),
        Tile(
            name="Lost",
            value=words.count(lost),
            detail=f"of {words.counted(made + lost, 'prediction')}, on {words.counted(losing, 'device')}",
            sign="!" if lost else "",
        ),
    ]
    waiting = [device.spool_age for device in found if device.spool_age is not None]
    if waiting:
        shown.append(
            Tile(name="Oldest unsent", value=words.duration(max(waiting)), detail="waits on a device")
        )
    layout.tiles(shown)


def _of(number: int, total: int) -> str:
    return f"{words.share(number / total)} of {words.counted(total, 'device')}"


@layout.card(height=290)
def _groups(view: View) -> None:
    found = _asked(view).value
    if not found:
        return
    every = fleet.groups(found.items)
    shown = every[:_GROUPS]
    layout.section(
        "By type and firmware", "The most moved first; ▲ and the strong part of a bar are what moved."
    )
    says = fleet.says(every)
    with layout.wide("devices-groups"):
        charts.chart(fleet.fleet(shown), says=says, key="devices-groups")
    with layout.narrow("devices-groups"):
        for group in shown:
            layout.html_line(group.name, f"{'▲ ' if group.moved else ''}{group.text()}")
    rest = f" {words.counted(len(every) - len(shown), 'more group')} not shown." if every[_GROUPS:] else ""
    layout.note(f"{says}{rest}")


def in_order(devices: Sequence[Device]) -> list[Device]:
    """Devices that need somebody first, the worst of them first."""
    place = {name: rank for rank, name in enumerate(STATES)}
    return sorted(
        devices,
        key=lambda each: (place.get(each.state, len(place)), -(each.worst_effect or 0), each.device),
    )


@layout.card(height=700)
def _table(view: View) -> None:
    answer = _asked(view)
    if answer.value is None:
        return
    everything = answer.value.items
    layout.section("Devices")
    if not everything:
        layout.empty(
            "No device reported with these filters in this time.", "Take a longer range, or fewer filters."
        )
        return
    _filters(view, everything)
    shown = in_order([each for each in everything if view.state in {None, each.state}])
    if answer.value.next is not None:
        layout.notice(f"These are the first {words.count(_MOST)}; choose a type or a region to see others.")
    if not shown:
        layout.empty(f"No device is {view.state} now.", "That is what the filter above asks for.")
        return
    _picked(view, shown)
    table = tables.frame(shown, state=state_text)
    with layout.wide("devices"):
        _rows(view, shown, table)
    with layout.narrow("devices"):
        paged = Paged.of(shown, view.page, _NARROW_ROWS)
        pager("devices", paged, view, "devices")
        for device in paged.items:
            layout.go("device", line(device), view.to(id=device.device))
    st.download_button(
        f"CSV of {words.counted(len(shown), 'device')}",
        lambda: tables.csv(table),
        file_name=f"devices-{shown[0].model}.csv".replace("/", "_"),
        mime="text/csv",
        on_click="ignore",
    )


def _filters(view: View, devices: Sequence[Device]) -> None:
    count = Counter(device.state for device in devices)
    with layout.row("device-states"):
        for name, label in (("", "All"), *STATES.items()):
            number = count[name] if name else len(devices)
            if number or name == view.state:
                text = f"{_SIGNS.get(name, '')}{label} {words.count(number)}".replace(" ", "\u00a0")
                here = name == (view.state or "")
                with st.container(
                    key=f"{'dl-here-' if here else 'dl-to-'}state-{name or 'all'}", width="content"
                ):
                    hint = _MEANS.get(name)
                    routes.link(
                        "devices",
                        text.replace(" ", "\u00a0"),
                        view.here(state=name or None, page=1),
                        hint=hint,
                    )


def _picked(view: View, devices: Sequence[Device]) -> None:
    """The device that the URL names, and the way to its page."""
    if view.id is None:
        with layout.wide("devices-hint"):
            layout.note("Pick a row to open its device.")
        return
    chosen = next((each for each in devices if each.device == view.id), None)
    with layout.row("device-picked"):
        if chosen is None:
            layout.note(f"“{view.id}” is not among these.")
        else:
            layout.html_line(chosen.device, line(chosen).partition(": ")[2])
            routes.link("device", "Open\u00a0→", view.to(id=chosen.device))


def state_text(device: Device) -> str:
    """`▲ moved`: a state with its sign."""
    return f"{_SIGNS.get(device.state, '')}{STATES.get(device.state, device.state).lower()}"


def line(device: Device) -> str:
    """A device in a line: its state, what moved, when it was last seen."""
    parts = [f"{_SIGNS.get(device.state, '')}{STATES.get(device.state, device.state).lower()}"]
    if device.worst_effect is not None:
        parts.append(f"{words.feature(device.worst_feature or 'all')} {words.effect(device.worst_effect)}")
    parts.append(f"last seen {words.clock(words.parse_time(device.last_seen))}")
    if device.lost:
        parts.append(f"{words.count(device.lost)} lost")
    return f"{device.device}: {', '.join(parts)}"


def _rows(view: View, devices: Sequence[Device], table: pd.DataFrame) -> None:
    key = f"{_TABLE}:{view.id}:{view.state}"

    def pick() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        state.write(id=devices[rows[0]].device if rows else None)

    chosen = [row for row, each in enumerate(devices) if each.device == view.id]
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        key=key,
        height="content" if len(table) <= _SHORT else 560,
        hide_index=True,
        placeholder=words.NO_NUMBER,
        on_select=pick,
        selection_mode="single-row",
        selection_default={"selection": {"rows": chosen[:1]}},
        alt=f"{words.counted(len(devices), 'device')}, those that need somebody first",
        column_config={
            "Last seen (UTC)": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss", timezone="UTC"),
            "Predictions": number(format="localized"),
            "Lost": number(format="localized"),
            "p95 (ms)": number(format="%.1f"),
            "Effect (PSI)": number(format="%.3f"),
            "Coverage": number(format="percent"),
        },
    )
