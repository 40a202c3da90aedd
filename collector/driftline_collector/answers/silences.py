"""What the API answers with where it speaks of silences."""

from dataclasses import dataclass

from driftline_collector.answers.records import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Messages about a segment and all within it are held back from `start` until before `end`.

    `state`: pending, active or expired. `rule`, `measure` and `features` narrow it down; None, or no
    features, means any. `ended_by` is who ended it early. `alerts` are the ids of the firing ones it holds.
    """

    id: str
    state: str
    segment: str
    rule: str | None
    measure: str | None
    features: tuple[str, ...]
    start: Time
    end: Time
    author: str
    reason: str
    created: Time
    ended_by: str | None = None
    alerts: tuple[str, ...] = ()
