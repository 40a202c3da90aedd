"""What the API answers with: evaluated numbers, alerts, devices and where they stand.

Times are RFC 3339 in UTC, durations seconds, shares of one. `None` is "not known", never zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, overload

Record = TypeVar("Record")
Time = Annotated[str, "RFC 3339, UTC"]


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    """Part of a list, usable as one. `next` is the cursor of the rest, None where this is the end."""

    items: tuple[Record, ...]
    next: str | None = None
    as_of: Time | None = None

    def __iter__(self) -> Iterator[Record]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self.items[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number, its 95% interval, and how many rows stand behind it."""

    value: float
    lower: float | None = None
    upper: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From `start` until before `end`."""

    start: Time
    end: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A number, and the same of a time as long just before."""

    value: float
    previous: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluated number of a segment in a closed window; without `feature` of the segment as a whole."""

    model: str
    segment: str
    measure: str
    window_start: Time
    window_end: Time
    revision: int
    finding: bool
    feature: str | None = None
    verdict: str | None = None
    reason: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    q: float | None = None
    n: float | None = None
    n_eff: float | None = None
    phi: float | None = None
    phi_source: str | None = None
    coverage: float | None = None
    devices: int | None = None
    reference: str | None = None
    since: Time | None = None
    evaluated: Time | None = None
    details: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFeature:
    """How far a feature moved: its effect (PSI), the lower bound of that, and the minimum-effect p-value.

    `direction` completes "is now …": higher, wider, more often missing.
    """

    name: str
    effect: float | None = None
    lower: float | None = None
    p: float | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A model or firmware changed on some devices. It happened nearby, which is not yet a cause."""

    time: Time
    kind: str
    before: str | None = None
    after: str | None = None
    devices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """Until when messages about an alert are held back; of several silences the one that ends last."""

    until: Time
    silence: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of a rule on a segment; the numbers are those of its latest window.

    `state`: pending, firing, resolved or dropped. `features` moved most, first the most certain. `silenced`
    where it fires and messages about it are held back.
    """

    id: str
    rule: str
    severity: str
    segment: str
    measure: str
    state: str
    since: Time
    window: Range
    changed: Time
    started_at: Time | None = None
    resolved_at: Time | None = None
    summary: str | None = None
    verdict: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    n: float | None = None
    n_eff: float | None = None
    coverage: float | None = None
    devices: int | None = None
    features: tuple[MovedFeature, ...] = ()
    changes: tuple[Change, ...] = ()
    silenced: Silenced | None = None
    link: str | None = None
    message: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A device type in a region: one square of the grid on the first page.

    `lower` is compared with the overview's `limit`; `verdict` says the outcome, `reason` why there is none.
    """

    segment: str
    device_type: str
    region: str
    verdict: str | None = None
    reason: str | None = None
    worst_feature: str | None = None
    effect: float | None = None
    lower: float | None = None
    limit: float | None = None
    n: float | None = None
    n_eff: float | None = None
    devices: int | None = None
    coverage: float | None = None
    since: Time | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Whether anything needs somebody. `window` is the latest closed one, which `grid` is about.

    `data_up_to` is the end of the latest window that any device reported.
    """

    model: str | None
    as_of: Time
    data_up_to: Time | None
    devices_expected: int
    devices_reported: int
    silent_devices: int
    predictions: Comparison
    lost: int
    announced_lost: int
    agreement: Estimate | None
    accuracy: Estimate | None
    alerts: tuple[Alert, ...]
    grid: tuple[Cell, ...]
    window: Range | None
    limit: float | None
    has_reference: bool
    has_labels: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSummary:
    """The reference that counts for a model version.

    `start` and `end` say of which time its rows are, where it was made of what the model itself counted.
    `hours` is how many hours of the week it has counts of by themselves, of 168.
    """

    id: str
    model: str
    version: str
    binning: str
    rows: int
    features: tuple[str, ...]
    registered: Time
    start: Time | None = None
    end: Time | None = None
    hours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model: when it was first and last heard of, if ever, and its reference if it has one."""

    version: str
    first: Time | None
    last: Time | None
    predictions: int
    reference: ReferenceSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDimension:
    """A dimension of the user's own by which a model is judged (`segment.line`), with its values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that devices have spoken of, its versions latest first, and what can be filtered by.

    Dimensions of the user's `own` are those of the latest windows.
    """

    model: str
    versions: tuple[Version, ...]
    tiers: tuple[str, ...]
    device_types: tuple[str, ...]
    regions: tuple[str, ...]
    own: tuple[OwnDimension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentState:
    """A segment in its latest window. `finding`: it is among the smallest set that explains the drift."""

    segment: str
    verdict: str | None
    finding: bool
    since: Time | None
    n: float | None
    devices: int | None
    coverage: float | None
    window: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one notifier and how far it came."""

    id: str
    alert: str
    notifier: str
    state: str
    attempts: int
    changed: Time
    next_attempt: Time | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsTaken:
    """What became of labels that were sent."""

    accepted: int
    matched: int
    unmatched: int
    unmatched_examples: tuple[str, ...] = ()
