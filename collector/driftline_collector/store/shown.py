"""What the API may ask of a store beyond `Store`: named reads for pages, quick with 2,000 devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from driftline_schemas.segments import USER_PREFIX

from driftline_collector.store.base import Store
from driftline_collector.store.queued import Waiting
from driftline_collector.store.timings import Timing

#: Later than anything: what `Where` ends with when nothing is said.
FOREVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Whose and when, [start, end) in ns; `None` means any.

    `own` are dimensions of the user's own (`segment.line`) with their values. Those reads ask for them that
    take `own_parameters`; for the others there must be none.
    """

    model: str | None = None
    version: str | None = None
    device_type: str | None = None
    region: str | None = None
    tier: str | None = None
    device: str | None = None
    own: tuple[tuple[str, str], ...] = ()
    start_ns: int = 0
    end_ns: int = FOREVER_NS

    def dimensions(self) -> dict[str, str | None]:
        """Whose."""
        names = ("model", "version", "device_type", "region", "tier", "device")
        return {name: getattr(self, name) for name in names}

    def parameters(self) -> dict[str, Any]:
        """By the names that queries use."""
        return {**self.dimensions(), "start": self.start_ns, "end": self.end_ns}

    def own_parameters(self) -> dict[str, Any]:
        """The same with those of `own_columns.MATCHES`."""
        return self.parameters() | self.own_values()

    def own_values(self) -> dict[str, Any]:
        """Those of `own_columns.MATCHES` alone."""
        return {
            "own_names": [name.removeprefix(USER_PREFIX) for name, _ in self.own],
            "own_values": [value for _, value in self.own],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Which samples are asked for, latest first; `before` is the (time, id) of the last one seen."""

    where: Where
    label: str | None = None
    min_score: float | None = None
    max_score: float | None = None
    feature: str | None = None
    before: tuple[int, str] | None = None
    limit: int = 1000


class Shown(Store, Protocol):
    """Reads see what is committed. Each method may be called from any thread."""

    # -- the fleet -------------------------------------------------------------------------------------
    def catalogue(self) -> pa.Table:
        """What ever reported: model, version, tier, device_type, region, first_ns, last_ns, predictions."""

    def fleet(self, where: Where) -> pa.Table:
        """By model, device, version and tier what was reported in the interval, the latest version first.

        device_type, region, firmware, stream (the latest), first_ns, last_ns, window_ns (its longest window),
        predictions, escalations, ended (the latest stream said goodbye), retired_ns (since when, if it is).
        """

    def volume(self, where: Where, bucket_ns: int) -> pa.Table:
        """By bucket of windows' starts: time_ns, predictions, escalations, window_ns (the longest)."""

    def losses(self, where: Where) -> pa.Table:
        """model, device, announced_lost, missing: of streams with an event in the interval."""

    def coverage_by(self, where: Where, keys: Sequence[str]) -> pa.Table:
        """Predictions that came and that are lost, of streams; by some of `coverage.KEYS`, in their order.

        received, lost (where that is not known it is estimated), holes_ns, devices, streams.
        """

    def streams(self, where: Where) -> pa.Table:
        """The starts of devices, latest first.

        stream, version, started_ns, ended_ns, last_ns, made, counted, announced_lost, missing, repeated.
        """

    def spools(self, where: Where) -> pa.Table:
        """device, age_s, time_ns: how long a device's oldest unsent data waits, by its latest word."""

    def changes(self, where: Where) -> pa.Table:
        """Deployments, alike ones within hours as one: kind, from_version, to_version, time_ns, devices."""

    def show_names(self) -> None:
        """To be called once a device is renamed: what is archived of it is shown under its new name, too."""

    def device_changes(self, device: str | None = None) -> pa.Table:
        """What operators said of devices, the latest first: the columns of the table, and name (of now)."""

    # -- what was judged -------------------------------------------------------------------------------
    def own_segments(self) -> pa.Table:
        """model, segment: the segments that name the user's own dimensions alone, in the latest windows.

        Of all models; of one that has had no window for long there are none.
        """

    def latest_window(self, model: str, measure: str, at_ns: int | None = None) -> pa.Table:
        """window_start_ns, window_end_ns of the last window judged (that begins by `at_ns`); 0 or 1 rows."""

    def judged(
        self,
        model: str,
        window_start_ns: int,
        measures: Sequence[str],
        *,
        features: bool,
        told: bool = False,
    ) -> pa.Table:
        """Evaluations of the windows that begin then, latest revision; of whole segments, or features too.

        With `told` also what their details say: strongest (a feature), latency_p95 (s).
        """

    def course(
        self, where: Where, segment: str, measure: str, feature: str | None, bucket_ns: int
    ) -> pa.Table:
        """Evaluations of a segment (or of one feature of it) by buckets of time, in order.

        time_ns, end_ns, min, mean, max, lower, upper, n, verdicts (distinct ones).
        """

    def device_course(self, where: Where, segments: str, bucket_ns: int) -> pa.Table:
        """A device beside those whose key begins with `segments`; `where.device` is its own whole key.

        time_ns, effect, feature, p95 (its own), segment_median_effect, segment_p95 (medians of devices).
        """

    # -- cases -----------------------------------------------------------------------------------------
    def samples(self, wanted: Samples) -> pa.Table:
        """Columns of `predictions`, cloud_label and true_label; told apart by id."""

    def prediction(self, prediction: str) -> pa.Table:
        """The columns of one prediction, with names and types of its features; 0 or 1 rows."""

    def truth(self, prediction: str) -> pa.Table:
        """The latest label of a prediction: time_ns, label, value, source; 0 or 1 rows."""

    def answers_to(self, prediction: str, trace: bytes | None, made_ns: int) -> pa.Table:
        """Predictions that answer one made then, by parent or by trace: id, model, version, tier, label …

        Of the hour before and after.
        """

    def trace(self, trace: bytes, made_ns: int) -> pa.Table:
        """The spans of a trace in the hour before and after, by start."""

    def sampling(self, around_ns: int) -> pa.Table:
        """oldest_ns and latest_ns of all samples; typical: the median probability in the days around then."""

    def latencies(self, where: Where) -> pa.Table:
        """tier, binning, bounds (NULL: those of the binning), counts: sums of duration histograms."""

    def span_latencies(self, where: Where) -> pa.Table:
        """tier, p50, p95, p99 (s), n: of spans that start then, in traces of these predictions."""

    # -- the collector ---------------------------------------------------------------------------------
    def refused(self) -> pa.Table:
        """signal, reason, count of what was turned away, or folded: then the reason begins with FOLDED."""

    def names(self) -> pa.Table:
        """Names of late: kind (model, version … category), model and feature (of which it is one), name."""

    def bounds(self) -> pa.Table:
        """oldest_ns, latest_ns (of windows), behind_s: from end to commit, median of the latest 1,000."""

    def refused_since(self, received_ns: int) -> pa.Table:
        """signal, reason, count of what was turned away, or folded, since then."""

    def kept(self) -> pa.Table:
        """By table: rows, oldest_ns and newest_ns (measured), received_ns (the latest)."""

    def clocks(self, where: Where, tolerance_ns: int) -> pa.Table:
        """By device, of windows that were received in the interval.

        offset_s: how far ahead of receipt those of the latest hour end at most; future_windows end further
        ahead than the tolerance.
        """

    def memory(self) -> pa.Table:
        """used (bytes) and limit (as DuckDB writes it) of the database's memory."""

    def waiting(self) -> Waiting:
        """What is in the journal and not in the database."""

    def slowest(self) -> list[Timing]:
        """How long named reads took in this process, the slowest first."""

    def made(self) -> pa.Table:
        """made (by the streams' own word) and counted (in windows): predictions, in all.

        in_doubt: how many more may have been made at most, before power cuts.
        """

    # -- keeping ---------------------------------------------------------------------------------------
    def keeping(self) -> pa.Table:
        """What each kind takes, as last written down; nothing in the first minutes of a database.

        kind, hot_rows, hot_bytes (in the database), archived_rows, archived_bytes, files, oldest_ns,
        newest_ns, dropped_rows (by age or size), evicted_rows (of these, by size in the day before that),
        rows_a_day, bytes_a_day (NULL: not known yet).
        """

    def free_in_database(self) -> int:
        """Bytes of the database's file that hold nothing, and are used before it grows."""

    def archived_bytes(self) -> int:
        """Bytes of the files of closed days, as they are now."""

    def audit(self, limit: int) -> pa.Table:
        """What operators did to what is kept, latest first: changed_ns, what, author, reason, scope, rows."""
