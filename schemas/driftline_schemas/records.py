"""The records that driftline speaks of, frozen. `Reference` has a file of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline_schemas.attributes import TIERS
from driftline_schemas.errors import SchemaError

FeatureValue = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who speaks: what every record of a stream has in common."""

    model: str
    version: str
    device: str
    device_type: str
    region: str
    tier: str = "device_edge"
    firmware: str = ""
    segment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise SchemaError(f"{self.tier!r} is not one of {', '.join(TIERS)}", where="tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One answer of a model, sent whole. Times in ns since the epoch, `duration` in seconds."""

    id: str
    time_ns: int
    features: Mapping[str, FeatureValue]
    label: str | None = None
    value: float | None = None
    score: float | None = None
    duration: float | None = None
    parent_id: str | None = None
    probability: float | None = None
    reasons: tuple[str, ...] = ()
    sequence: int | None = None
    trace_id: bytes = b""
    span_id: bytes = b""

    def __post_init__(self) -> None:
        _check_probability(self.probability, where="sample probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """What the right answer was, told later.

    `probability`: how likely this prediction was to be labelled, given that it was sent.
    `sample_probability`: set where the label brings its prediction along, whatever sampling did (1.0).
    """

    prediction_id: str
    time_ns: int
    label: str | None = None
    value: float | None = None
    source: str | None = None
    probability: float | None = None
    sample_probability: float | None = None
    sequence: int | None = None

    def __post_init__(self) -> None:
        _check_probability(self.probability, where="ground truth probability")
        _check_probability(self.sample_probability, where="sample probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Counts of one window of one stream: feature → vector in the binning's layout. [start, end) in ns."""

    binning_id: str
    start_ns: int
    end_ns: int
    predictions: int
    counts: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns:
            raise SchemaError(f"a window from {self.start_ns} to {self.end_ns}", where="profile")
        if self.predictions < 0 or any(count < 0 for counts in self.counts.values() for count in counts):
            raise SchemaError("a negative count", where="profile")


def _check_probability(probability: float | None, *, where: str) -> None:
    # Written so that NaN fails too.
    if probability is not None and not 0 < probability <= 1:
        raise SchemaError(f"{probability!r} is not in (0, 1]", where=where)
