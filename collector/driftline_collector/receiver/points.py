"""Metric data points of one kind, flat, with what their metric says of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.receiver.columns import Attributes, Index, Mask, Records, times, unnest

Kind = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
KINDS: tuple[Kind, ...] = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
DELTA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """n data points of one kind; `name`, `unit` and `temporality` (0 for none) are their metric's."""

    kind: Kind
    points: pa.StructArray
    own: Attributes
    name: pa.Array
    unit: pa.Array
    temporality: npt.NDArray[np.int32]
    monotonic: pa.Array
    request: Index
    resource: Index
    scope: Index
    start_ns: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)

    def value(self) -> pa.Array:
        """The number of a gauge's or sum's point as float64; null where it has none."""
        double, whole = self.points.field("as_double"), self.points.field("as_int")
        if whole.null_count == len(whole):
            return double
        return pc.coalesce(double, whole.cast(pa.float64(), safe=False))


def points_of(records: Records, kind: Kind, chosen: Mask) -> Points:
    """The points of `kind` of the chosen metrics."""
    metrics = records.records
    data = metrics.field(kind)
    picked = np.flatnonzero(np.asarray(data.is_valid()) & chosen)
    data = data.take(pa.array(picked))
    points, owner = unnest(data.field("data_points"))
    metric = picked[owner]
    temporal = kind in ("sum", "histogram", "exponential_histogram")
    return Points(
        kind=kind,
        points=points,
        own=Attributes(points.field("attributes")),
        name=metrics.field("name").take(pa.array(metric)),
        unit=metrics.field("unit").take(pa.array(metric)),
        temporality=(
            np.asarray(data.field("aggregation_temporality"))[owner]
            if temporal
            else np.zeros(len(points), np.int32)
        ),
        monotonic=(
            data.field("is_monotonic").take(pa.array(owner))
            if kind == "sum"
            else pa.nulls(len(points), pa.bool_())
        ),
        request=records.request[metric],
        resource=records.resource[metric],
        scope=records.scope[metric],
        start_ns=times(points.field("start_time_unix_nano")),
        time_ns=times(points.field("time_unix_nano")),
    )
