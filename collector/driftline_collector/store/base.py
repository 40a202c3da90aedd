"""What the rest of the collector may ask of a store: a few named reads that return Arrow, and one write.

Times are BIGINT nanoseconds since the epoch; intervals are half-open, [start, end). The same reads can be
answered by another engine from the same Parquet layout, so nothing here names DuckDB.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

#: Table name → rows in that table's columns (absent columns are NULL). Committed together or not at all.
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which evaluations are asked for; `None` means any.

    With a `reference` they are those that were compared with it, whatever was said of their windows later.
    """

    model: str | None = None
    segment: str | None = None
    measure: str | None = None
    verdict: str | None = None
    reference: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    findings_only: bool = False
    limit: int = 1000


class Store(Protocol):
    """Reads see what is committed. Each method may be called from any thread.

    Where a read takes `own`, rows are told apart by these dimensions of the user's own as well, each a column
    of its name (`segment.line`): `unknown` where a row does not tell it.
    """

    def submit(self, tables: Tables) -> "Future[None]":
        """Queue rows for the next group commit; the future is done once they are durable."""

    # -- profiles ------------------------------------------------------------------------------------
    def models(self) -> pa.Table:
        """model, version, first_ns, last_ns: every model version that sent a profile."""

    def own_dimensions(self, model: str, start_ns: int, end_ns: int, sampled_ns: int) -> pa.Table:
        """The user's own dimensions of windows in the interval, and of predictions from `sampled_ns` on.

        name, different (how many values it has on devices of one tier, `unknown` among them), by name.
        """

    def count_cells(self, model: str, start_ns: int, end_ns: int, sampled_ns: int, own: Sequence[str]) -> int:
        """How many cells there are in the same, told apart by these dimensions as well."""

    def device_counts(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """The profiles of windows that start in the interval, summed by device.

        Without those that end more than `ahead_ns` after they were received: the device's clock was wrong.

        version, device_type, region, tier, device, binning, feature, kind, category, counts BIGINT[], bounds.
        """

    def features(self, model: str, version: str, start_ns: int, end_ns: int) -> pa.Table:
        """feature, kind: what a model version counted in windows that start in the interval."""

    def counted_cells(
        self,
        model: str,
        binning: str,
        starts_ns: Sequence[int],
        width_ns: int,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """Who counted in windows of that width whose counts by cell have been gathered.

        Only what was gathered with cells told apart by all of `own`, if by others as well.

        start_ns, version, device_type, region, tier; one row of the version '' where nobody did.
        """

    def cell_counts(
        self, model: str, binning: str, start_ns: int, end_ns: int, own: Sequence[str] = ()
    ) -> pa.Table:
        """What was gathered of one window: version, device_type, region, tier, counts BIGINT[]."""

    def progress(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """How far each device has reported, of those with a window that overlaps the interval.

        Without windows that end more than `ahead_ns` after they were received.
        version, device_type, region, tier, device, first_start_ns, last_end_ns, ended (its
        stream said so, or it is retired).
        """

    def firmwares(self, model: str, start_ns: int, end_ns: int) -> pa.Table:
        """tier, device, firmware: the latest that each device told in windows that overlap the interval."""

    def touched(self, since_received_ns: int, width_ns: int) -> pa.Table:
        """Evaluation windows for which data came, or were purged, since.

        Data are profiles, and samples of streams that send none.
        model, window_start_ns, received_ns (latest), purged (whether something was taken away).
        """

    def drop_revisions(self, model: str, start_ns: int, end_ns: int, *, before: int) -> None:
        """Forget the evaluations of a window that are of an earlier revision."""

    def forget_sums(self, model: str, start_ns: int, end_ns: int) -> None:
        """Forget what was gathered of windows that overlap the interval: it is to be gathered anew."""

    # -- samples -------------------------------------------------------------------------------------
    def predictions(self, model: str, start_ns: int, end_ns: int, limit: int | None = None) -> pa.Table:
        """The columns of the table, told apart by id, in order of time."""

    def doubtful(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """What is wrong with the samples of predictions made in the interval, by device.

        version, device_type, region, tier, device, scored, impossible (of these: scores outside [0, 1]), wide
        (with three numeric features or more), repeated (of these: with a row that another one has).
        """

    def sampled(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """How many predictions made in the interval were sent whole, by cell and feature set.

        Without those that were sent for a label or as an answer alone, and without times more than `ahead_ns`
        after they were received. Repeats of an id are counted.
        version, device_type, region, tier, feature_set, samples, first_ns (the earliest), with_label,
        with_score, with_value (whether any has one).
        """

    def selected(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        cells: Sequence[Sequence[str]],
        *,
        share: float = 1.0,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """Those of some cells (version, device_type, region, tier, own), told apart by id, in order of time.

        Of more than can be looked at, `share` keeps an even choice, always the same.
        version, device_type, region, tier, device, label, value, score, probability (NULL: not told),
        reasons, feature_set, numbers, texts.
        """

    def feature_sets(self) -> pa.Table:
        """id, names, types: the features that `numbers` and `texts` of predictions hold, in order."""

    def labelled(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """Predictions made in the interval whose truth is known, the latest label for each.

        version, device_type, region, tier, device, id, time_ns, label, value, score, true_label,
        true_value, label_time_ns, probability (of the sample), label_probability,
        label_sample_probability, escalation_label.
        """

    def escalated(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """Edge predictions that a cloud answered, by the edge's own word, by parent id, else by trace.

        version, device_type, region, tier, device, id, time_ns, trace_id, label, score, cloud_label,
        cloud_score, reason, probability.
        """

    def known_predictions(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids under which a prediction is stored."""

    # -- bookkeeping ---------------------------------------------------------------------------------
    def coverage(self, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """What came and what is missing, by stream.

        stream, model, version, device, device_type, region, tier, predictions (counted in windows),
        window_holes_ns, made, announced_lost, missing_logs, missing_spans, repeated, last_end_ns, ended.
        """

    def deployments(self, start_ns: int, end_ns: int) -> pa.Table:
        """The columns of the table, in order of time."""

    def references(self, model: str | None = None) -> pa.Table:
        """The latest of each model version.

        id, registered_ns, model, version, binning, rows, document; from_ns and to_ns where it is of a past.
        """

    def evaluations(self, selection: Selection) -> pa.Table:
        """The highest revision of each evaluation that fits, latest window first."""

    def drifted(self, model: str, start_ns: int, end_ns: int) -> pa.Table:
        """The segments whose last verdict of drift in [start, end) that is one was `drifted`.

        A window that could not tell, for want of rows or of devices, is passed over.
        segment, since_ns (where the run of windows began), finding, moved VARCHAR[] (the features).
        """

    def incidents(self, model: str, start_ns: int, end_ns: int, reference: str) -> tuple[str, ...]:
        """Segments that were findings of drift in a window that starts in [start, end).

        Of those that were compared with a reference whose name begins with `reference`.
        """

    def outdated(self, since_ns: int, width_ns: int) -> pa.Table:
        """Windows of that width judged before a reference was registered for a version that reported in them.

        model, window_start_ns; those that start then or later, the earliest first.
        """

    def judged_against(self, since_ns: int, width_ns: int) -> pa.Table:
        """What the setting `evaluation.reference` was as windows of that width were judged last.

        model, window_start_ns, against; those that start then or later, the earliest first. Without windows
        in which samples alone came: these have no past.
        """

    def overtaken(self, since_ns: int, width_ns: int, merged: int) -> pa.Table:
        """Windows judged before profiles came for them, or for one of so many `merged` with them.

        model, window_start_ns, received_ns (latest); those that start then or later, the earliest first.
        """

    def judged_until(self, model: str | None = None) -> pa.Table:
        """window_end_ns of the last window judged and evaluated_ns of the last time; one row or none."""

    def alerts(self, states: Sequence[str] | None = None, limit: int = 1000) -> pa.Table:
        """The latest transition of each alert, latest first."""

    def notifications(self, states: Sequence[str] | None = None, limit: int = 1000) -> pa.Table:
        """The latest state of each notification, latest first."""

    def silences(self, after_ns: int | None = None) -> pa.Table:
        """Silences as they stand now, latest change first; with `after_ns` those that end later than then."""

    def totals(self) -> dict[str, int]:
        """Rows by table, and sums that the system page shows: repeated, refused, announced_lost."""

    def close(self) -> None:
        """Commit what is queued, then let go of the file."""
