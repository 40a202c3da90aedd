"""What the API answers with where one case is looked at: an alert, a sample, a prediction and its trace.

Times are RFC 3339 in UTC, durations seconds, shares of one. `None` is "not known", never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftline_collector.answers.changed import WhatChanged
from driftline_collector.answers.records import Alert, Change, Evaluation, MovedFeature, Range, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A prediction that was sent whole: `probability` is how likely it was to be, `reasons` why it was.

    `feature_value` is what it saw of the feature that was asked for.
    """

    id: str
    time: Time
    device: str
    device_type: str
    region: str
    version: str
    tier: str
    model: str = ""
    label: str | None = None
    value: float | None = None
    score: float | None = None
    probability: float | None = None
    reasons: tuple[str, ...] = ()
    cloud_label: str | None = None
    true_label: str | None = None
    feature_value: float | str | bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What sets affected devices apart: a value's share among them, and among the model's other devices."""

    dimension: str
    value: str
    share_inside: float
    share_elsewhere: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedDevice:
    """One of the devices that moved most."""

    device: str
    feature: str | None
    effect: float | None
    n: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDetail:
    """An alert and all that its page shows. `range` spans at least 12 windows around the start.

    `evaluation` is the segment as a whole in the alert's latest window, `features` what moved in it.
    `unsilence_command` ends the silence that holds it, where one does. `changed` is known of findings.
    """

    alert: Alert
    evaluation: Evaluation | None
    features: tuple[MovedFeature, ...]
    apart: tuple[Apart, ...]
    devices: tuple[MovedDevice, ...]
    samples: tuple[Sample, ...]
    changes: tuple[Change, ...]
    range: Range
    silence_command: str
    unsilence_command: str | None = None
    changed: WhatChanged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSeen:
    """What the model saw, and where that lies in the reference: percentile (0 to 100), bin and its share."""

    name: str
    value: float | int | str | bool | None
    percentile: float | None = None
    bin: str | None = None
    reference_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one tier answered."""

    id: str | None
    model: str | None
    version: str | None
    tier: str | None
    label: str | None
    value: float | None
    score: float | None
    duration: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the right answer was, as told later."""

    label: str | None
    value: float | None
    source: str | None
    time: Time
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A step of a trace. `start` has microseconds; `duration` in s; `status`: unset, ok or error."""

    span_id: str
    parent_span_id: str | None
    name: str
    tier: str | None
    service: str | None
    device: str | None
    start: Time
    duration: float
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionDetail:
    """One prediction: what it saw, what edge, cloud and truth say, and its trace by start."""

    sample: Sample
    features: tuple[FeatureSeen, ...]
    edge: Answer | None
    cloud: Answer | None
    truth: Truth | None
    trace_id: str | None
    spans: tuple[Span, ...]
    attributes: Mapping[str, Any] | None = None
