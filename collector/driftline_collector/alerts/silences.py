"""Silences: no messages about a segment for a while. Alerts come and go as ever behind them."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
from driftline_schemas.segments import Segment

SilenceState = Literal["pending", "active", "expired"]

ROWS = pa.schema(
    [
        pa.field("changed_ns", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("rule", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("features", pa.list_(pa.string()), nullable=False),
        pa.field("start_ns", pa.int64(), nullable=False),
        pa.field("end_ns", pa.int64(), nullable=False),
        pa.field("author", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("created_ns", pa.int64(), nullable=False),
        pa.field("ended_by", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a message is about; `moved` are the features that it names."""

    segment: Segment
    rule: str
    measure: str
    moved: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Holds messages about `segment` and all within it back, in [start, end) ns of the clock.

    `rule` and `measure` narrow it down, None means any. With `features` it holds an alert only where nothing
    else is named as moved. `ended_by` is who ended it before its time.
    """

    id: str
    segment: Segment
    start_ns: int
    end_ns: int
    author: str
    reason: str
    created_ns: int
    changed_ns: int
    rule: str | None = None
    measure: str | None = None
    features: tuple[str, ...] = ()
    ended_by: str | None = None

    def state(self, now_ns: int) -> SilenceState:
        """Where it is in its life."""
        if now_ns >= self.end_ns:
            return "expired"
        return "active" if now_ns >= self.start_ns else "pending"

    def matches(self, about: About) -> bool:
        """Whether it is about that, now or at another time."""
        return (
            self.segment.contains(about.segment)
            and self.rule in {None, about.rule}
            and self.measure in {None, about.measure}
            and (not self.features or (bool(about.moved) and set(about.moved) <= set(self.features)))
        )

    def ended(self, now_ns: int, author: str) -> "Silence":
        """This silence, ended now; its row is later than the one before, whatever the clock says."""
        changed_ns = max(now_ns, self.changed_ns + 1)
        return replace(
            self, changed_ns=changed_ns, start_ns=min(self.start_ns, now_ns), end_ns=now_ns, ended_by=author
        )


def new_id() -> str:
    """An id that no other silence has."""
    return f"silence_{secrets.token_hex(8)}"


def holding(silences: Iterable[Silence], about: About, now_ns: int) -> Silence | None:
    """The silence that holds messages about that back now; of several the one that ends last."""
    found = [s for s in silences if s.state(now_ns) == "active" and s.matches(about)]
    return max(found, key=lambda silence: (silence.end_ns, silence.id), default=None)


def to_rows(silences: Sequence[Silence]) -> pa.Table:
    """Rows of the table `silences`."""
    rows = [{name: getattr(silence, name) for name in ROWS.names} for silence in silences]
    return pa.Table.from_pylist([row | {"segment": str(row["segment"])} for row in rows], schema=ROWS)


def from_rows(table: pa.Table) -> list[Silence]:
    """Read what `to_rows` made."""
    return [
        Silence(**row | {"segment": Segment.parse(row["segment"]), "features": tuple(row["features"])})
        for row in table.select(ROWS.names).to_pylist()
    ]
