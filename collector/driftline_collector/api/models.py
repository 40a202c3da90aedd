"""The shapes of answers, for OpenAPI and for whoever reads them. Times are RFC 3339 in UTC."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

Time = str
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Part of a list. `next` is the cursor of what follows, null at the end; `as_of` when it was read."""

    items: list[Item]
    next: str | None
    as_of: Time


class Evaluation(BaseModel):
    """One evaluated number of a segment in a closed window; `feature` null for the segment as a whole."""

    model: str
    segment: str
    measure: str
    feature: str | None
    verdict: str | None
    reason: str | None
    finding: bool
    value: float | None
    lower: float | None
    upper: float | None
    p: float | None
    q: float | None
    n: float | None
    n_eff: float | None
    phi: float | None
    phi_source: str | None
    coverage: float | None
    devices: int | None
    reference: str | None
    since: Time | None
    window_start: Time
    window_end: Time
    revision: int
    evaluated: Time
    details: Any


class Range(BaseModel):
    """From `start` until before `end`."""

    start: Time
    end: Time


class Alert(BaseModel):
    """One episode of a rule on a segment. `message` is what was last said about it, as a webhook says it."""

    id: str
    rule: str
    severity: str
    segment: str
    measure: str
    state: str
    since: Time
    started_at: Time | None
    resolved_at: Time | None
    window: Range
    summary: str | None
    changed: Time
    message: dict[str, Any] | None
    link: str | None


class Queued(BaseModel):
    """The notifications that were queued: notifier → webhook-id."""

    queued: dict[str, str]


class Notification(BaseModel):
    """One message to one notifier and how far it came."""

    id: str
    alert: str
    notifier: str
    state: str
    attempts: int
    next_attempt: Time | None
    error: str | None
    changed: Time


class ReferenceSummary(BaseModel):
    """The reference that counts for a model version."""

    id: str
    model: str
    version: str
    binning: str
    rows: int
    features: list[str]
    registered: Time


class Registered(BaseModel):
    """A reference that is now registered. `unwatched`: features that the model sends and it does not have."""

    reference: ReferenceSummary
    unwatched: list[str]


class LabelsTaken(BaseModel):
    """`matched` of the labels are for predictions that are here; the others wait for theirs."""

    accepted: int
    matched: int
    unmatched: int
    unmatched_examples: list[str]


class Rows(BaseModel):
    """Rows of a kind that is still growing: keys may be added."""

    rows: list[dict[str, Any]]


class System(BaseModel):
    """Whether the numbers can be trusted. Counts since the database was made, unless said otherwise.

    `lost`: log records and spans that a stream numbered and that never came; `announced_lost`: predictions
    that devices say they could not keep.
    """

    version: str
    time: Time
    stored: dict[str, int]
    repeated: int
    refused: int
    lost: int
    announced_lost: int
    since_start: dict[str, int]
    alerts_firing: int
    notifications_queued: int
    ready: bool


class Coverage(BaseModel):
    """How complete the numbers are. Holes are stretches between a stream's windows, in ns."""

    totals: dict[str, int]
    streams: list[dict[str, Any]]
