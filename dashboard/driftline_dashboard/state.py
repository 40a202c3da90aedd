"""What a page shows is in its URL, and nowhere else.

`read` validates query parameters into a `View`; `View.to` makes those of a link; `choose` and friends seed a
widget from the URL and write what was picked back to it. So reload, Back and a copied link show the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import USER_PREFIX, Segment

from driftline_dashboard import words

#: Parameters that go along from page to page, as they stand in the URL; dimensions of the user's own do, too,
#: under their own names (`segment.line`).
SHARED = ("model", "version", "from", "to", "type", "region", "feature")
#: Parameters that only some pages know.
OWN = ("id", "segment", "page", "state", "sort")
_LONGEST = 512
# The option that stands for no choice. A dimension's value is never empty.
_ALL = ""
#: What Streamlit itself keeps in the URL.
_STREAMLIT = frozenset({"embed", "embed_options"})
#: Parameters whose field of View has another name.
FIELDS = {"from": "start", "to": "end", "type": "device_type"}
#: How far back a page looks where its URL does not say.
DEFAULT_RANGE = "24h"
RANGES = {"6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days", "28d": "Last 28 days"}

#: What a field of a View may become.
Change = str | int | tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the URL asks for; what it does not say is None. `problems` tell what could not be understood.

    `start` and `end` are RFC 3339 in UTC, or `6h` for so long ago, as the API takes them. `own` are
    dimensions of the user's own with their values, by name.
    """

    model: str | None = None
    version: str | None = None
    start: str | None = None
    end: str | None = None
    device_type: str | None = None
    region: str | None = None
    own: tuple[tuple[str, str], ...] = ()
    feature: str | None = None
    id: str | None = None
    segment: str | None = None
    page: int = 1
    state: str | None = None
    sort: str | None = None
    problems: tuple[str, ...] = ()

    def parameters(self) -> dict[str, str]:
        """The query parameters that `read` would make this view of, in one order."""
        given = {name: getattr(self, FIELDS.get(name, name)) for name in (*SHARED, *OWN)}
        if self.page == 1:
            given["page"] = None
        return {name: str(value) for name, value in given.items() if value is not None} | dict(self.own)

    def to(self, **changes: Change) -> dict[str, str]:
        """Query parameters of a link: the shared ones of this view, with changes; None leaves one out.

        Names are those of the URL, with `start`, `end` and `device_type` for `from`, `to` and `type`.
        """
        kept = replace(self, id=None, segment=None, page=1, state=None, sort=None)
        return replace(kept, **changes).parameters()  # type: ignore[arg-type]  # the fields' own types

    def here(self, **changes: Change) -> dict[str, str]:
        """Query parameters of a link to the same page: all of this view, with changes."""
        return replace(self, **changes).parameters()  # type: ignore[arg-type]  # the fields' own types

    def filters(self) -> dict[str, str]:
        """The dimensions as filters of the client: model, version, type and region, where they are given.

        With dimensions of the user's own they are one filter, the segment. The model must be known then.
        """
        if self.own:
            return {"segment": self.to_segment()}
        dimensions = ("model", "version", "device_type", "region")
        return {name: value for name in dimensions if (value := getattr(self, name)) is not None}

    def span(self, default: str = DEFAULT_RANGE) -> dict[str, str | None]:
        """`start` and `end` as filters of the client, `default` long where no start is given.

        Before an end that stands still, "24h" means the 24 hours before that end, not before now.
        """
        start = self.start or default
        end, ago = words.parse_time(self.end), words.ago(start)
        if end is not None and ago is not None:
            start = words.rfc3339(end - ago)
        return {"start": start, "end": self.end}

    def bounds(self, now: datetime, default: str = DEFAULT_RANGE) -> tuple[datetime, datetime]:
        """The same as moments, for the axis of a chart."""
        span = self.span(default)
        end = _moment(span["end"], now) or now
        return _moment(span["start"], now) or end - timedelta(hours=24), end

    def to_segment(self) -> str:
        """The segment that the filters make, as a key. The model must be known."""
        dimensions = ("model", "version", "device_type", "region")
        return str(Segment.of({name: getattr(self, name) for name in dimensions} | dict(self.own)))

    @property
    def pinned(self) -> bool:
        """Whether the time range stands still, so that it need not be asked for again and again."""
        return words.parse_time(self.end) is not None


def _moment(text: str | None, now: datetime) -> datetime | None:
    ago = words.ago(text or "")
    return now - ago if ago is not None else words.parse_time(text)


def read(parameters: Mapping[str, str], own: Sequence[str] = ()) -> View:
    """Query parameters as a view. `own` names the page's parameters beside the shared ones.

    What is unknown or wrong is left out and named in `problems`: the page says so and goes on.
    """
    values: dict[str, Any] = {}
    dimensions: dict[str, str] = {}
    problems: list[str] = []
    for name, value in parameters.items():
        if name in _STREAMLIT or not value:
            continue
        is_own = name.startswith(USER_PREFIX) and name != USER_PREFIX
        if name not in SHARED and name not in own and not is_own:
            problems.append(f"This page does not know the parameter “{_short(name)}”; it was left out.")
            continue
        try:
            if is_own:
                dimensions[_text(name)] = _text(value)
                continue
            values[FIELDS.get(name, name)] = _CHECKS.get(name, _text)(value)
        except (ValueError, SchemaError) as error:
            problems.append(f"“{_short(name)}” was left out: {error}")
    return View(**values, own=tuple(sorted(dimensions.items())), problems=tuple(problems))


def _text(value: str) -> str:
    if len(value) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters.")
    if not value.isprintable():
        raise ValueError("it has characters that cannot be shown.")
    return value


def _time(value: str) -> str:
    if words.ago(value):
        return value
    moment = words.parse_time(value)
    if moment is None:
        raise ValueError(f"“{_short(value)}” is no time; write 2026-11-21T09:41:20Z, or 6h for 6 hours ago.")
    return words.rfc3339(moment)


def _page(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value[:9]) <= 100_000 or len(value) > 6:
        raise ValueError(f"“{_short(value)}” is no page number.")
    return int(value)


def _segment(value: str) -> str:
    return str(Segment.parse(_text(value)))


def _short(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


_CHECKS: dict[str, Callable[[str], Any]] = {"from": _time, "to": _time, "page": _page, "segment": _segment}


# -- between URL and widgets ---------------------------------------------------------------------------------


def current(own: Sequence[str] = ()) -> View:
    """The view that the browser's URL asks for."""
    return read(st.query_params.to_dict(), own)


def write(**changes: str | int | None) -> None:
    """Change the URL, in a widget's callback; None takes a parameter out. One entry of history."""
    parameters = dict(st.query_params.to_dict())
    for name, value in changes.items():
        spelled = {field: parameter for parameter, field in FIELDS.items()}.get(name, name)
        parameters.pop(spelled, None)
        if value is not None:
            parameters[spelled] = str(value)
    st.query_params.from_dict(parameters)


def choose(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    value: str | None,
    everything: str | None,
    shown: Mapping[str, str] | None = None,
    forget: Sequence[str] = (),
) -> None:
    """A picker for the parameter `name` (a field of View, or a dimension of the user's own): the URL's value.

    `everything` is what stands for no choice (None: there must be one). A value that is not among the
    options is offered all the same: the URL says so. Picking forgets the parameters in `forget`.
    """
    offered = [_ALL, *options] if everything is not None else list(options)
    if value is not None and value not in offered:
        offered.append(value)
    key = f"url:{name}"
    st.session_state[key] = value or offered[0]

    def picked() -> None:
        write(**{name: st.session_state[key] or None}, **dict.fromkeys(forget))

    def text(option: str) -> str:
        return (everything or "") if option == _ALL else (shown or {}).get(option, option)

    st.selectbox(label, offered, key=key, on_change=picked, format_func=text)


def choose_range(view: View, now: datetime, default: str = DEFAULT_RANGE) -> None:
    """A picker for the time range; one that a link has pinned is offered as it is."""
    if view.end is None and (view.start is None or view.start in RANGES):
        value, shown = view.start or default, dict(RANGES)
    else:
        value = "pinned"
        shown = {"pinned": range_text(view, now), **RANGES}
    key = "url:range"
    st.session_state[key] = value

    def picked() -> None:
        if st.session_state[key] != "pinned":
            chosen = st.session_state[key]
            write(start=None if chosen == default else chosen, end=None)

    st.selectbox("Time (UTC)", list(shown), key=key, on_change=picked, format_func=shown.__getitem__)


def range_text(view: View, now: datetime) -> str:
    """A pinned range as text: `09:31–15:31`, with the days where they are not today."""

    def text(bound: str | None, otherwise: str) -> str:
        if bound is None:
            return otherwise
        moment = words.parse_time(bound)
        return f"{bound} ago" if moment is None else words.clock(moment, today=now)

    return f"{text(view.start, 'the beginning')} – {text(view.end, 'now')}"
