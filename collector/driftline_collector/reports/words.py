"""How a report writes numbers, times and names. What is not known is a dash."""

import re
from datetime import UTC, datetime

from driftline_schemas.segments import USER_PREFIX, Segment

UNKNOWN = "–"
#: The model's own answers, among features.
_ANSWERS = re.compile(r"\b__(label|score|value|duration)__\b")


def segment(key: str) -> str:
    """A segment in words: `digits, device type camera-b, region eu`."""
    values = dict(Segment.parse(key).values)
    model = values.pop("model", "all models")
    where = [f"{_dimension(name)} {value}" for name, value in values.items()]
    return ", ".join([model, *(where or ["all devices"])])


def _dimension(name: str) -> str:
    return name.removeprefix(USER_PREFIX) if name.startswith(USER_PREFIX) else name.replace("_", " ")


def feature(name: str | None) -> str:
    """A feature's name; that of the model's own answers without the marks that keep it apart."""
    return plain(name or "")


def plain(text: str) -> str:
    """A sentence of the collector's, likewise."""
    return _ANSWERS.sub(r"\1", text)


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits, or so many."""
    return UNKNOWN if value is None else f"{value:.{digits}g}"


def effect(value: float | None) -> str:
    """A PSI. It is corrected for bias, so that it may lie below 0, where no effect can be: then 0."""
    return number(None if value is None else max(value, 0.0))


def probability(value: float | None) -> str:
    """A p-value, which is never nought, however small."""
    return "< 1e-300" if value == 0 else number(value, 2)


def share(value: float | None) -> str:
    """As a percentage."""
    return UNKNOWN if value is None else f"{value:.1%}"


def seconds(value: float | None) -> str:
    """In ms below a second."""
    return UNKNOWN if value is None else f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def count(value: float | None) -> str:
    """A whole number."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def clock(moment: str | None) -> str:
    """RFC 3339 as `2026-11-21 09:41:20 UTC`."""
    return UNKNOWN if moment is None else f"{moment[:19].replace('T', ' ')} UTC"


def at(time_ns: int) -> str:
    """Nanoseconds since the epoch likewise."""
    return clock(datetime.fromtimestamp(time_ns // 10**9, UTC).isoformat())
