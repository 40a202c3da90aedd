"""W3C Trace Context in and out of whatever carries names and values: HTTP headers, gRPC metadata, MQTT 5 user
properties. https://www.w3.org/TR/trace-context/"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

#: A mapping of names to values, or pairs of them, in which a name may stand twice; texts or bytes.
Carrier = Mapping[str, Any] | Iterable[tuple[Any, Any]]
Pairs = list[tuple[str, str]]

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
#: Section 3.2: version, trace id, parent id, flags; later versions may go on.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
#: Section 3.3.1.5: what everybody has to pass on.
_MAX_TRACESTATE = 512


def header(carried: Pairs, name: str) -> str | None:
    """The value of a name; `None` where it is absent, or not the only one."""
    found = {text for each, text in carried if each == name}
    return found.pop() if len(found) == 1 else None


def tracestate(carried: Pairs) -> str:
    """The members of all `tracestate` headers, in their order; the last ones go where there are too many."""
    members = [member.strip() for name, text in carried if name == TRACESTATE for member in text.split(",")]
    members = [member for member in members if "=" in member]
    while len(text := ",".join(members)) > _MAX_TRACESTATE or len(members) > 32:
        members.pop()
    return text


def traceparent(trace_id: bytes, span_id: bytes, *, sampled: bool) -> str:
    """A `traceparent` of version 00."""
    return f"00-{trace_id.hex()}-{span_id.hex()}-{'01' if sampled else '00'}"


def parse_traceparent(value: str | None) -> tuple[bytes, bytes, bool] | None:
    """Trace id, parent's span id and whether it is sampled; `None` for what W3C calls invalid."""
    match = _TRACEPARENT.fullmatch(value.strip()) if value else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    trace, span = bytes.fromhex(match[2]), bytes.fromhex(match[3])
    if not any(trace) or not any(span):
        return None
    return trace, span, bool(int(match[4], 16) & 1)


def pairs(carrier: Carrier | None) -> Pairs:
    """What a carrier has, names in lower case. A mapping may give a list, as parsers of headers do. Raises
    TypeError or ValueError for what carries nothing."""
    items = carrier.items() if isinstance(carrier, Mapping) else carrier or ()
    found: Pairs = []
    for key, value in items:
        name = (_text(key) or "").lower()
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if text := _text(each):
                found.append((name, text))
    return found


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None
