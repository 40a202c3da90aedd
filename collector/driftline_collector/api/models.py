"""Answers that only this API knows the shape of; those that its client reads are in `answers`."""

from dataclasses import dataclass
from typing import Any

from driftline_collector.answers.records import ReferenceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the process is."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The notifications that were queued: notifier → webhook-id."""

    queued: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A reference that is now registered. `unwatched`: features that the model sends and it does not have."""

    reference: ReferenceSummary
    unwatched: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How complete the numbers are, in all and by stream. Holes are what windows leave out, in ns."""

    totals: dict[str, int]
    streams: list[dict[str, Any]]
