"""The API's answers as frozen records. Times are RFC 3339 in UTC; null is None; intervals are 95 %."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value, its interval and the rows behind it."""

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time; the end is excluded."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFeature:
    """How far one feature moved."""

    name: str
    effect: float | None = None
    lower: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A deployment near a start: it happened nearby, which is not yet a cause."""

    kind: str
    before: str | None = None
    after: str | None = None
    first_at: str | None = None
    devices: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of a rule on a segment."""

    id: str
    rule: str
    severity: str
    segment: str
    measure: str
    state: str
    since: str | None = None
    started_at: str | None = None
    resolved_at: str | None = None
    window: Window | None = None
    verdict: str | None = None
    summary: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    n: float | None = None
    n_eff: float | None = None
    p: float | None = None
    q: float | None = None
    features: tuple[MovedFeature, ...] = ()
    coverage: float | None = None
    devices: int | None = None
    link: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A count and the one before it, over as long a time."""

    value: int
    previous: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The verdict on one device type in one region."""

    segment: str
    device_type: str
    region: str
    verdict: str
    reason: str | None = None
    worst_feature: str | None = None
    effect: float | None = None
    lower: float | None = None
    limit: float | None = None
    n: float | None = None
    n_eff: float | None = None
    devices: int | None = None
    coverage: float | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a person on call asks first."""

    model: str | None
    as_of: str
    data_up_to: str | None
    devices_expected: int
    devices_reported: int
    predictions: Count
    silent_devices: int
    lost: int
    announced_lost: int
    agreement: Estimate | None
    accuracy: Estimate | None
    alerts: tuple[Alert, ...]
    grid: tuple[Cell, ...]
    window: Window | None
    limit: float | None
    has_reference: bool
    has_labels: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model and when it was seen."""

    version: str
    first: str | None = None
    last: str | None = None
    reference: str | None = None
    predictions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model, its versions and the tiers it runs on."""

    model: str
    versions: tuple[Version, ...] = ()
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """How far one feature moved in one segment."""

    feature: str
    segment: str
    verdict: str
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    q: float | None = None
    n: float | None = None
    n_eff: float | None = None
    limit: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket of a series."""

    time: str
    end: str
    min: float | None = None
    mean: float | None = None
    max: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: float | None = None
    verdict: str | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin of a distribution, with its share of the reference and of now."""

    name: str
    low: float | None = None
    high: float | None = None
    reference_share: float | None = None
    now_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The reference and now, on the same bins. `n` rows now, `m` in the reference."""

    feature: str
    kind: str
    window: Window | None
    n: float | None = None
    m: float | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    verdict: str | None = None
    reference_id: str | None = None
    sentence: str | None = None
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEstimate:
    """An estimate for one version."""

    version: str
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often a true label was answered with a label; `weight` is corrected for how samples were chosen."""

    true_label: str
    label: str
    n: float
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Scores in one bin and how often they were right."""

    bin_low: float
    bin_high: float
    mean_score: float | None
    accuracy: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelLag:
    """How long labels take to arrive, in seconds."""

    median_s: float | None = None
    p95_s: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many labels a segment has, and how many an answer about it needs."""

    segment: str
    have: float
    need: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Whether the answers are right."""

    accuracy: tuple[VersionEstimate, ...] = ()
    agreement: tuple[VersionEstimate, ...] = ()
    escalation_rate: Estimate | None = None
    confusion: tuple[Confusion, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    ece: Estimate | None = None
    label_lag: LabelLag | None = None
    labels_per_day: float | None = None
    budget: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """A value of a dimension that the affected devices have more often than the others."""

    dimension: str
    value: str
    share_inside: float | None
    share_elsewhere: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedDevice:
    """A device and how far its most moved feature moved."""

    device: str
    feature: str | None = None
    effect: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One prediction that was sent whole."""

    id: str
    time: str
    device: str | None = None
    device_type: str | None = None
    region: str | None = None
    version: str | None = None
    tier: str | None = None
    label: str | None = None
    score: float | None = None
    probability: float | None = None
    reasons: tuple[str, ...] = ()
    cloud_label: str | None = None
    true_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbyChange:
    """A change on the devices of an alert, near its start."""

    time: str
    kind: str
    what: str | None = None
    before: str | None = field(default=None, metadata={"json": "from"})
    after: str | None = field(default=None, metadata={"json": "to"})
    devices: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The stretch of time in which an alert is to be seen."""

    start: str = field(metadata={"json": "from"})
    end: str = field(metadata={"json": "to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDetail:
    """An alert and what stands around it."""

    alert: Alert
    evaluation: Mapping[str, Any] | None = None
    features: tuple[MovedFeature, ...] = ()
    apart: tuple[Apart, ...] = ()
    devices: tuple[MovedDevice, ...] = ()
    samples: tuple[Sample, ...] = ()
    changes: tuple[NearbyChange, ...] = ()
    range: Range | None = None
    silence_command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Latency of one tier, in seconds."""

    tier: str
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    n: float | None = None
    source: str | None = None


def build(kind: type[Record], row: Mapping[str, Any]) -> Record:
    """A record of a JSON object; what a newer collector adds is left out.

    Raises TypeError where something that has no default is missing.
    """
    given = {}
    for name, spelled, hint in _fields(kind):  # type: ignore[arg-type]  # classes are hashable
        if spelled in row:
            given[name] = _value(hint, row[spelled])
    return kind(**given)


@cache
def _fields(kind: type) -> tuple[tuple[str, str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((each.name, each.metadata.get("json", each.name), hints[each.name]) for each in fields(kind))


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return () if typing.get_origin(hint) is tuple else None
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, item) for item in value)
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
        return build(hint, value)
    return value
