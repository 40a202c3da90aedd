"""What analysis hands on: evaluated numbers, one row per segment, measure and feature of a window."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, Literal

import pyarrow as pa

Verdict = Literal[
    "stable", "drifted", "insufficient_data", "no_reference", "new_segment", "vanished", "suspect"
]
#: `device` is about one device, and no rule's measure.
Measure = Literal[
    "drift",
    "accuracy",
    "agreement",
    "escalation_rate",
    "coverage",
    "silent_devices",
    "latency_p95",
    "quality",
    "device",
]

_TEXT, _NUMBER, _WHOLE = pa.string(), pa.float64(), pa.int64()
#: The columns of the table `evaluations`.
ROWS: Final = pa.schema(
    [
        pa.field("evaluated_ns", _WHOLE, nullable=False),
        pa.field("window_start_ns", _WHOLE, nullable=False),
        pa.field("window_end_ns", _WHOLE, nullable=False),
        pa.field("revision", pa.int32(), nullable=False),
        pa.field("model", _TEXT, nullable=False),
        pa.field("segment", _TEXT, nullable=False),
        pa.field("measure", _TEXT, nullable=False),
        pa.field("feature", _TEXT),
        pa.field("verdict", _TEXT),
        pa.field("reason", _TEXT),
        pa.field("finding", pa.bool_(), nullable=False),
        *(pa.field(name, _NUMBER) for name in ("value", "lower", "upper", "p", "q", "n", "n_eff", "phi")),
        pa.field("phi_source", _TEXT),
        pa.field("coverage", _NUMBER),
        pa.field("devices", _WHOLE),
        pa.field("reference", _TEXT),
        pa.field("since_ns", _WHOLE),
        pa.field("details", _TEXT),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluated number. Without a `feature` it is about the segment as a whole.

    For drift `value`, `lower` and `upper` are the effect (bias-corrected PSI) and its one-sided 95% bounds;
    for the other measures the number and its two-sided 95% interval. NaN is stored as NULL.
    """

    segment: str
    measure: Measure
    feature: str | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    finding: bool = False
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
    since_ns: int | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """All evaluations of one model in one closed window, [start, end) in ns.

    `revision` is 0 where the window was judged when it closed, above where data came later; `late` names the
    segments that are findings only since then. `ahead` are devices whose clock is in the future by more than
    the tolerance: what they sent is not evaluated. `gathered` are rows of `window_counts`, to be committed
    with it.
    """

    model: str
    start_ns: int
    end_ns: int
    revision: int
    evaluated_ns: int
    evaluations: tuple[Evaluation, ...]
    late: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    gathered: pa.Table | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """The smallest set of segments that explains the drift, by key, in order of how much they explain."""
        return tuple(e.segment for e in self.evaluations if e.finding and e.feature is None)

    def table(self) -> pa.Table:
        """Rows for the table `evaluations`."""
        common = {
            "evaluated_ns": self.evaluated_ns,
            "window_start_ns": self.start_ns,
            "window_end_ns": self.end_ns,
            "revision": self.revision,
            "model": self.model,
        }
        size = len(self.evaluations)
        columns = {
            name: pa.repeat(pa.scalar(value, ROWS.field(name).type), size) for name, value in common.items()
        }
        for name in _OWN:
            values: Iterable[Any] = map(attrgetter(name), self.evaluations)
            if name == "details":
                values = (None if value is None else document(value) for value in values)
            # As pandas has it: NaN is NULL.
            columns[name] = pa.array(list(values), ROWS.field(name).type, from_pandas=True)
        return pa.table(columns, schema=ROWS)


_OWN = tuple(field.name for field in fields(Evaluation))
document = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
