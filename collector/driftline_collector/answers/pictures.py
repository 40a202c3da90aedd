"""What the API answers with where a picture is drawn: series, heat maps, distributions, performance.

Times are RFC 3339 in UTC, durations seconds, shares of one. `None` is "not known", never zero.
"""

from dataclasses import dataclass

from driftline_collector.answers.records import Change, Estimate, Range, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """A bucket of closed windows: the least, mean and greatest value in it, and the widest interval.

    `verdict` is the worst in the bucket, `n` the rows in all of it.
    """

    time: Time
    end: Time
    min: float | None
    mean: float | None
    max: float | None
    lower: float | None
    upper: float | None
    n: float | None
    verdict: str | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A measure of a segment over time, at most 1,000 buckets, and the deployments in it meanwhile."""

    segment: str
    measure: str
    feature: str | None
    points: tuple[SeriesPoint, ...]
    changes: tuple[Change, ...]
    limit: float | None
    as_of: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """One feature of one segment in a closed window."""

    feature: str
    segment: str
    verdict: str | None
    effect: float | None
    lower: float | None
    upper: float | None
    p: float | None
    q: float | None
    n: float | None
    n_eff: float | None
    limit: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """Features × segments, the features and segments in order, the worst first."""

    window: Range | None
    features: tuple[str, ...]
    segments: tuple[str, ...]
    cells: tuple[HeatCell, ...]
    limit: float | None
    as_of: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A bin and its shares: `low` < x <= `high`, None where it is open or its values are no numbers."""

    name: str
    low: float | None
    high: float | None
    reference_share: float
    now_share: float
    now_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Reference (`m` rows) and now (`n` rows) of a feature on the same bins, and in one sentence what moved.

    `kind`: numeric or categorical.
    """

    segment: str
    feature: str
    kind: str
    window: Range
    n: float | None
    m: float | None
    effect: float | None
    lower: float | None
    upper: float | None
    verdict: str | None
    limit: float | None
    reference_id: str | None
    sentence: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEstimate:
    """An estimate of one version; where there is none, `reason` says why."""

    version: str
    estimate: Estimate | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionCell:
    """How often `label` was answered where `true_label` was right: pairs, and their weight."""

    true_label: str
    label: str
    n: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Scores in (low, high]: what they promise (`mean_score`), and how often the answers were right."""

    bin_low: float
    bin_high: float
    mean_score: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelLag:
    """How long after a prediction its label came, in s."""

    median_s: float
    p95_s: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBudget:
    """Labels that a segment has, and needs for an accuracy to within 5 points."""

    segment: str
    have: int
    need: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Whether the answers are right, for predictions made in `range`.

    `agreement` is about predictions that were escalated to the cloud, and says nothing about the rest.
    """

    segment: str
    range: Range
    accuracy: tuple[VersionEstimate, ...]
    agreement: tuple[VersionEstimate, ...]
    escalation_rate: Estimate | None
    confusion: tuple[ConfusionCell, ...]
    calibration: tuple[CalibrationBin, ...]
    ece: Estimate | None
    label_lag: LabelLag | None
    labels_per_day: float | None
    budget: tuple[LabelBudget, ...]
    as_of: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLatency:
    """Quantiles of latency by tier, in s. `source`: profile (all traffic) or traces (sampled)."""

    tier: str
    p50: float | None
    p95: float | None
    p99: float | None
    n: int
    source: str
