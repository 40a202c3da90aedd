"""What the API speaks for, handed to it by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_schemas.reference import Reference
from driftline_schemas.segments import Segment

from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.rules import DRIFT, Rule
from driftline_collector.store.operated import Operated
from driftline_collector.store.retention import RetentionPolicy
from driftline_collector.store.shown import Shown
from driftline_collector.store.usage import Space

Floats = npt.NDArray[np.float64]
#: Accuracy, agreement and the like of a segment in [start, end) ns, one mapping for each version and measure;
#: from the rows of `Store.labelled` of its model then.
Performance = Callable[[Segment, int, int, pa.Table], Sequence[Mapping[str, Any]]]
#: A quantile of counts (m + 1) on m edges, and its interval.
Quantile = Callable[[Sequence[float], Sequence[float], float], tuple[float, float, float]]
#: Scores, hits and weights of rows → bins of the reliability diagram, and the calibration error.
Calibrate = Callable[[Floats, npt.NDArray[np.bool_], Floats], Mapping[str, Any]]

#: Model, version, from and to in ns → a reference of what was counted then; SchemaError where nothing was.
PastReference = Callable[[str, str, int, int], Reference]


class Share(Protocol):
    """A share with its interval."""

    @property
    def value(self) -> float: ...
    @property
    def lower(self) -> float: ...
    @property
    def upper(self) -> float: ...
    @property
    def n(self) -> int: ...


def _nothing() -> None:
    """Nobody listens."""


def _no_counts() -> Mapping[str, int]:
    return {}


def _no_requests() -> Sequence[Mapping[str, Any]]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`now` gives ns since the epoch; `counts` is what the receiver and the scheduler have counted so far.

    `operated` is the store, where it is open for writing. `requests` has protocol, outcome and count of those
    with telemetry.

    The API computes nothing that needs statistics: what is not stored is handed in (`performance`,
    `quantile`, `calibrate`, `past_reference`); without it the answer leaves it out. `minimum_effect` is the
    limit of drift, `lateness_ns` how long a device may keep quiet before it counts as silent,
    `future_tolerance_ns` how far ahead its clock may be, `database` the store's file, `space` the disk under
    it and `shed` the kinds that are given up where that runs out.
    """

    store: Shown
    now: Callable[[], int]
    operated: Operated | None = None
    notifiers: Sequence[str] = ()
    rules: Sequence[Rule] = ()
    minimum_effect: float = 0.02
    lateness_ns: int = 600 * 10**9
    future_tolerance_ns: int = 300 * 10**9
    started_ns: int | None = None
    database: Path | None = None
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    space: Space | None = None
    shed: Sequence[str] = ()
    links: Links = field(default_factory=Links)
    counts: Callable[[], Mapping[str, int]] = _no_counts
    requests: Callable[[], Sequence[Mapping[str, Any]]] = _no_requests
    performance: Performance | None = None
    quantile: Quantile | None = None
    calibrate: Calibrate | None = None
    past_reference: PastReference | None = None
    reference_registered: Callable[[], None] = _nothing
    notification_queued: Callable[[], None] = _nothing
    ready: Callable[[], bool] = field(default=lambda: True)

    def limit(self, measure: str, segment: Segment) -> float | None:
        """What a measure of a segment is compared with: the minimum effect, or the limit of its rule."""
        if measure == DRIFT:
            return self.minimum_effect
        for rule in self.rules:
            if rule.measure == measure and not rule.limitless and rule.watches(segment):
                return rule.above if rule.above is not None else rule.below
        return None
