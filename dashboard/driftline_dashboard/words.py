"""How numbers, times and names are written: one way on every page.

Times are 24-hour UTC; thousands are set apart by a narrow space that does not break; a number never
stands without its unit, an estimate never without its interval and what stands behind it.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from driftline_schemas.binning import DURATION, LABEL, SCORE, VALUE
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import USER_PREFIX, Segment

NARROW = "\u202f"
NO_NUMBER = "–"

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_time(text: str | None) -> datetime | None:
    """RFC 3339 as a moment in UTC; None for what is none."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    """A moment as the API and links write it, to the second: `2026-11-21T09:41:20Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(moment: datetime | None, *, today: datetime | None = None, seconds: bool = False) -> str:
    """`09:31`, or `20 Nov 09:31` where it is not the day of `today`."""
    if moment is None:
        return "an unknown time"
    time = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    if today is None or moment.date() == today.date():
        return time
    year = "" if moment.year == today.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {time}"


def stretch(start: datetime | None, end: datetime | None, *, today: datetime | None = None) -> str:
    """`09:20–09:30`, to the second where it is shorter than a minute or starts within one."""
    seconds = to_the_second(start, end)
    return f"{clock(start, today=today, seconds=seconds)}–{clock(end, seconds=seconds)}"


def told(text: str) -> str:
    """A sentence of the collector's for people: times as they write them, and no way through the API."""

    def written(found: re.Match[str]) -> str:
        moment = parse_time(found[0])
        return found[0] if moment is None else f"{moment.day} {moment:%b %Y %H:%M:%S} UTC"

    return _RFC3339.sub(written, _BY_API.sub("", text))


_BY_API = re.compile(r"; GET /api/\S+ [^.;]*")
_RFC3339 = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def to_the_second(start: datetime | None, end: datetime | None) -> bool:
    """Whether a stretch is so short that minutes do not tell its ends apart."""
    if start is None or end is None:
        return False
    return end - start < timedelta(minutes=1) or bool(start.second or end.second)


def duration(seconds: float) -> str:
    """`18 s`, `4 min`, `3 h 20 min`, `2 d`; below a second in ms."""
    if not math.isfinite(seconds):
        return NO_NUMBER
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{significant(seconds * 1000, 3)}{NARROW}ms"
    if seconds < 99.5:
        exact = seconds >= 10 or seconds == int(seconds)
        return f"{round(seconds) if exact else significant(seconds, 3)}{NARROW}s"
    if seconds < 99.5 * 60:
        return f"{round(seconds / 60)}{NARROW}min"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 24:
        return f"{hours}{NARROW}h {minutes}{NARROW}min" if minutes else f"{hours}{NARROW}h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days}{NARROW}d {hours}{NARROW}h" if hours and days < 10 else f"{days}{NARROW}d"


def size(count: float | None) -> str:
    """Bytes in a unit that can be read: `56.4 MB`."""
    if count is None or not math.isfinite(count):
        return NO_NUMBER
    unit = 0
    while abs(count) >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{significant(count, 3)}{NARROW}{_UNITS[unit]}"


def since(then: datetime | None, now: datetime) -> str:
    """`18 s ago`; a little in the future, by clocks that differ, is `just now`."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    return f"{duration(math.floor(seconds))} ago" if seconds >= 1 else "just now"


def ago(text: str) -> timedelta | None:
    """`6h` as the API reads it: so long ago."""
    if len(text) > 1 and text[:-1].isdecimal() and len(text) < 8 and text[-1] in _SECONDS:
        return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])
    return None


def count(value: float | None) -> str:
    """A whole number with its thousands set apart: `1 987`."""
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    return f"{round(value):,}".replace(",", NARROW).replace("-", "−")


def counted(value: float | None, one: str, many: str | None = None) -> str:
    """`1 device`, `1 987 devices`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def significant(value: float | None, digits: int = 2) -> str:
    """A number to so many significant digits, never in powers of ten within reach of a reader."""
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -6 <= magnitude <= 15:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - magnitude)
    return f"{round(value, digits - 1 - magnitude):,.{places}f}".replace(",", NARROW).replace("-", "−")


def effect(value: float | None) -> str:
    """An effect (PSI): two places from 0.1 on, three below.

    It is corrected for bias, so that an estimate may lie below 0, where no effect can be: it is shown as 0.
    """
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    if value < 0.0005:
        return "0"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def feature(name: str) -> str:
    """A feature's name as people say it: answers and scores are profiled like features, by reserved names."""
    return _OURS.get(name, name)


_OURS = {LABEL: "model answer", SCORE: "model score", VALUE: "model value", DURATION: "model duration"}


def limit(value: float) -> str:
    """A limit as it was set, without zeros at its end."""
    return f"{value:.6g}".replace("-", "−")


def thousandths(value: float | None) -> str:
    """A number between 0 and 1 to three places: `0.155`."""
    return NO_NUMBER if value is None or not math.isfinite(value) else f"{value:.3f}".replace("-", "−")


def share(value: float | None, places: int | None = None) -> str:
    """A share of one in per cent: `93.4 %`, finer where it is near 0 or 1."""
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    if places is None:
        edge = min(abs(value), abs(1 - value))
        places = 0 if value in {0, 1} else 2 if edge < 0.01 else 1
    return f"{value * 100:.{places}f}{NARROW}%".replace("-", "−")


#: How a value is written: `effect`, `significant` or `share`.
Writer = Callable[[float | None], str]


def interval(lower: float | None, upper: float | None, write: Callable[[float], str] = effect) -> str:
    """`0.27–0.36`, or `91.8–94.3 %`; one-sided where one bound is not known; empty where neither is."""
    if lower is None:
        return "" if upper is None else f"at most {write(upper)}"
    if upper is None:
        return f"at least {write(lower)}"
    low, high = write(lower), write(upper)
    if low == high and lower != upper and write is share:
        low, high = share(lower, 2), share(upper, 2)
    number, space, unit = low.rpartition(NARROW)
    shared = space and not unit.isdecimal() and high.endswith(space + unit)
    return f"{number if shared else low}–{high}"


def change(value: float | None, before: float | None) -> str:
    """`+4.1 %` from `before`; empty where there is nothing to compare with."""
    if value is None or not before:
        return ""
    by = value / before - 1
    return f"{'+' if by >= 0 else ''}{share(by, 0 if abs(by) >= 0.1 else 1)}"


def where(segment: str, *, model: bool = False) -> str:
    """A segment as people say it: `camera-b in eu-west`, `every device`, `digits 2.1.0, line A3`."""
    try:
        parsed = Segment.parse(segment)
    except SchemaError:
        return segment
    kind, region, version = parsed["device_type"], parsed["region"], parsed["version"]
    text = " in ".join(part for part in (kind or ("every type" if region else None), region) if part)
    rest = [(name, value) for name, value in parsed.values if name not in _SPOKEN]
    # A line or a tier says which devices by itself.
    named = [text] if text else [] if rest else [EVERY]
    named += [f"{name.removeprefix(USER_PREFIX)} {value}" for name, value in rest]
    if model:
        named.insert(0, f"{parsed['model']} {version or '(every version)'}")
    elif version:
        named.append(f"version {version}")
    return ", ".join(named)


#: How the segment of all is called.
EVERY = "every device"
_SPOKEN = ("model", "version", "device_type", "region")


def plain(text: object) -> str:
    """Text to stand in Markdown as it is: what devices call themselves must not become a link or an image.

    Nor may it turn around what stands beside it: see `visible`; what reads from right to left is isolated.
    """
    seen = visible(text)
    escaped = "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in seen)
    return f"\u2068{escaped}\u2069" if any(map(_leftward, seen)) else escaped


def visible(text: object) -> str:
    """Text on one line of which all can be seen: what hides, controls or reverses stands as `⟨U+202E⟩`.

    Joiners stay where they join letters or signs beyond ASCII, as in Persian words and in families of emoji.
    """
    letters = str(text).replace("\r\n", "\n")
    around = zip(f"a{letters}", letters, f"{letters[1:]}a", strict=False)
    return "".join(
        " " if letter in "\n\t" else f"⟨U+{ord(letter):04X}⟩" if _hidden(before, letter, after) else letter
        for before, letter, after in around
    )


def _hidden(before: str, letter: str, after: str) -> bool:
    if letter in "\u200c\u200d":
        return before.isascii() or after.isascii()
    return letter in _BLANK or unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _leftward(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in {"R", "AL", "AN"}


#: Letters and marks that show nothing: fillers, a joiner, two vowels of Khmer, Braille without dots.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=\"'")
