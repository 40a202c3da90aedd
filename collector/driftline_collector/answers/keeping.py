"""What the API answers with where it speaks of what operators do to what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline_collector.answers.records import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedTable:
    """Rows of a table that go or have gone, and from when to when they are."""

    table: str
    rows: int
    start: Time | None
    end: Time | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What would be purged, or where `done` is true, was.

    `confirm` is what is to be sent, with what `scope` says, to have it done; `names` are the names of the
    device that are meant. `notes` say what is not deleted by this.
    """

    done: bool
    scope: Mapping[str, str | int]
    rows: int
    tables: tuple[PurgedTable, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    confirm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody did to what is stored: `scope` is what was named, `rows` how many of which table."""

    time: Time
    what: str
    author: str
    reason: str | None
    scope: Mapping[str, str | int]
    rows: Mapping[str, int]
