"""What is kept together: the kinds of data that retention speaks of, and the tables that each has."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["samples", "profiles", "spans", "logs", "metrics", "evaluations"]
HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class ArchivedTable:
    """A table whose closed days go to Parquet. `time` and `end` name the columns that say when a row was."""

    name: str
    kind: Kind
    time: str
    end: str | None = None
    by_model: bool = False

    @property
    def moment(self) -> str:
        """SQL: by which time a row belongs to a day. Its own; clocks that run ahead are not believed."""
        return f"greatest(least({self.time}, received_ns), 0)"


ARCHIVED = (
    ArchivedTable("predictions", "samples", "time_ns", by_model=True),
    ArchivedTable("labels", "samples", "time_ns"),
    ArchivedTable("profiles", "profiles", "start_ns", "end_ns", by_model=True),
    ArchivedTable("stream_windows", "profiles", "start_ns", "end_ns", by_model=True),
    ArchivedTable("spans", "spans", "start_ns", "end_ns"),
    ArchivedTable("logs", "logs", "time_ns"),
    ArchivedTable("metrics", "metrics", "time_ns"),
    ArchivedTable("sdk_health", "metrics", "time_ns"),
)
TABLES = {table.name: table for table in ARCHIVED}
#: In the order in which they are given up where room runs out: what all else is reckoned from comes last.
KINDS: tuple[Kind, ...] = ("spans", "logs", "metrics", "samples", "profiles", "evaluations")
#: What verdicts are reckoned from, and reckoned anew where data come late.
JUDGED: frozenset[Kind] = frozenset({"samples", "profiles"})
