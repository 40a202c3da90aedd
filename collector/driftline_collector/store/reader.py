"""The named reads of `Store`, in SQL that another engine could run as well. One cursor per thread."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store.base import Selection
from driftline_collector.store.coverage import coverage_of_streams
from driftline_collector.store.kinds import DAY_NS
from driftline_collector.store.opened import ENDED, WITH_ARCHIVE, Cursor, Database
from driftline_collector.store.own_columns import OwnColumns
from driftline_collector.store.reads_cases import ANSWER_NS
from driftline_collector.store.together import is_first

#: Rows of a part of what is too much to hold at once.
_PART_ROWS = 122_880
_COUNTED = (
    "predictions",
    "labels",
    "profiles",
    "spans",
    "logs",
    "metrics",
    "deployments",
    "evaluations",
    "alerts",
    "notifications",
    "model_references",
)


class Reader:
    """Reads what is committed. Each method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: Cursor | None = getattr(self._local, "cursor", None)
        if cursor is None:
            # Views of the same names as the tables, which read the archive as well.
            cursor = self._local.cursor = Cursor(self._database, WITH_ARCHIVE)
        return cursor()

    def _read(self, query: str, *parameters: Any) -> pa.Table:
        given = (
            parameters[0] if len(parameters) == 1 and isinstance(parameters[0], dict) else list(parameters)
        )
        return self._tried(lambda: self._cursor().sql(query, params=given).to_arrow_table())

    def _read_by_parts(
        self, query: str, parameters: dict[str, Any], work: Callable[[Iterable[pa.RecordBatch]], pa.Table]
    ) -> pa.Table:
        def read() -> pa.Table:
            return work(self._cursor().sql(query, params=parameters).to_arrow_reader(_PART_ROWS))

        return self._tried(read)

    def _tried(self, read: Callable[[], pa.Table]) -> pa.Table:
        if is_first():
            self.catch_up()
        recovered = False
        while True:
            changes = self.changes_of_files()
            try:
                return read()
            except ENDED as fault:
                if recovered:
                    raise StoreError(f"the database cannot be read now, ask again: {fault}") from fault
                recovered = True
                self.recover()
            except duckdb.OutOfMemoryException as fault:
                raise StoreError(
                    "this takes more memory than the database has left: ask again, or for a shorter time, or"
                    " give it more (store.memory)"
                ) from fault
            except (duckdb.IOException, OSError) as fault:
                # A file was replaced between naming it and opening it.
                if changes == self.changes_of_files():
                    raise StoreError(f"the database cannot be read: {fault}") from fault

    def recover(self) -> None:
        """Have the database opened anew where a fault has ended it; waits for that a while."""

    def changes_of_files(self) -> int:
        """Goes up whenever files that a read was about to open may have been replaced."""
        return 0

    def catch_up(self) -> None:
        """Bring what has been accepted into the database, so that who was answered finds what was sent."""

    # -- samples -------------------------------------------------------------------------------------
    def predictions(self, model: str, start_ns: int, end_ns: int, limit: int | None = None) -> pa.Table:
        """See `Store.predictions`."""
        return self._read(
            """
            SELECT * FROM predictions WHERE model = ? AND time_ns >= ? AND time_ns < ?
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_ns) = 1
            ORDER BY time_ns, id LIMIT coalesce(?, 9223372036854775807)
            """,
            model,
            start_ns,
            end_ns,
            limit,
        )

    def labelled(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """See `Store.labelled`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            WITH made AS (
                SELECT version, device_type, region, tier, device {columns.read()}, id, time_ns, label, value,
                       score, probability, escalation_label
                FROM predictions WHERE model = $model AND time_ns >= $start AND time_ns < $end
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_ns) = 1
            ), truth AS (
                SELECT prediction_id, label AS true_label, value AS true_value, time_ns AS label_time_ns,
                       probability AS label_probability, sample_probability AS label_sample_probability
                FROM labels WHERE prediction_id IN (SELECT id FROM made) AND received_ns >= $start - $day
                QUALIFY row_number() OVER (
                    PARTITION BY prediction_id ORDER BY time_ns DESC, received_ns DESC) = 1
            )
            SELECT made.*, truth.* EXCLUDE (prediction_id)
            FROM made JOIN truth ON truth.prediction_id = made.id ORDER BY time_ns, id
            """,
            {"model": model, "start": start_ns, "end": end_ns, "day": DAY_NS, **columns.parameters},
        )
        return columns.named(found)

    def escalated(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """See `Store.escalated`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            WITH recent AS (
                SELECT id, parent_id, trace_id, model, version, device_type, region, tier, device, time_ns,
                       label, score, escalation_label, escalation_score, escalation_reason, probability
                       {columns.read()}
                FROM predictions WHERE time_ns >= $start AND time_ns < $end + $answer
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_ns) = 1
            ), edge AS (
                SELECT * FROM recent
                WHERE model = $model AND time_ns < $end AND parent_id IS NULL
                  AND tier NOT IN ('regional_cloud', 'cloud')
            ), by_parent AS (
                SELECT parent_id AS id, arg_min(label, time_ns) AS label, arg_min(score, time_ns) AS score
                FROM recent WHERE parent_id IS NOT NULL GROUP BY parent_id
            ), by_trace AS (
                SELECT trace_id, arg_min(label, time_ns) AS label, arg_min(score, time_ns) AS score
                FROM recent WHERE trace_id IS NOT NULL AND tier IN ('regional_cloud', 'cloud')
                GROUP BY trace_id
            )
            SELECT edge.version, edge.device_type, edge.region, edge.tier, edge.device, edge.id, edge.time_ns,
                   edge.trace_id, edge.label, edge.score,
                   coalesce(edge.escalation_label, by_parent.label, by_trace.label) AS cloud_label,
                   coalesce(edge.escalation_score, by_parent.score, by_trace.score) AS cloud_score,
                   edge.escalation_reason AS reason, edge.probability {columns.listed}
            FROM edge
            LEFT JOIN by_parent ON by_parent.id = edge.id
            LEFT JOIN by_trace ON by_trace.trace_id = edge.trace_id
            WHERE coalesce(edge.escalation_label, by_parent.label, by_trace.label) IS NOT NULL
            ORDER BY edge.time_ns, edge.id
            """,
            {
                "model": model,
                "start": start_ns,
                "end": end_ns,
                "answer": ANSWER_NS,
                **columns.parameters,
            },
        )
        return columns.named(found)

    def known_predictions(self, ids: Sequence[str]) -> set[str]:
        """See `Store.known_predictions`."""
        query = "SELECT DISTINCT id FROM predictions WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
        return set(self._read(query, {"ids": list(ids)}).column("id").to_pylist())

    # -- bookkeeping ---------------------------------------------------------------------------------
    def coverage(self, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """See `Store.coverage`."""
        columns = OwnColumns(own)
        values = {"start": start_ns, "end": end_ns, **columns.parameters}
        return columns.named(self._read(coverage_of_streams(columns), values))

    def deployments(self, start_ns: int, end_ns: int) -> pa.Table:
        """See `Store.deployments`."""
        query = "SELECT * FROM deployments WHERE time_ns >= ? AND time_ns < ? ORDER BY time_ns, received_ns"
        return self._read(query, start_ns, end_ns)

    def references(self, model: str | None = None) -> pa.Table:
        """See `Store.references`."""
        return self._read(
            """
            SELECT id, registered_ns, model, version, binning, rows, document, from_ns, to_ns
            FROM model_references
            WHERE $model IS NULL OR model = $model
            QUALIFY row_number() OVER (
                PARTITION BY model, version ORDER BY registered_ns DESC, rowid DESC) = 1
            ORDER BY model, version
            """,
            {"model": model},
        )

    def evaluations(self, selection: Selection) -> pa.Table:
        """See `Store.evaluations`."""
        return self._read(
            """
            WITH latest AS (  -- narrow: the details of all are many times the rest
                SELECT rowid AS place, window_end_ns, segment, measure, feature, verdict, finding
                FROM evaluations
                WHERE ($model IS NULL OR model = $model) AND ($segment IS NULL OR segment = $segment)
                  AND ($measure IS NULL OR measure = $measure)
                  AND ($start IS NULL OR window_end_ns > $start) AND ($end IS NULL OR window_start_ns < $end)
                  AND ($reference IS NULL OR list_contains(string_split(reference, ','), $reference))
                QUALIFY row_number() OVER (
                    PARTITION BY model, segment, measure, feature, window_start_ns, window_end_ns
                    ORDER BY revision DESC, evaluated_ns DESC) = 1
            )
            SELECT * FROM evaluations WHERE rowid IN (
                SELECT place FROM latest
                WHERE ($verdict IS NULL OR verdict = $verdict) AND (finding OR NOT $findings)
                ORDER BY window_end_ns DESC, segment, measure, feature NULLS FIRST LIMIT $limit)
            ORDER BY window_end_ns DESC, segment, measure, feature NULLS FIRST
            """,
            {
                "model": selection.model,
                "segment": selection.segment,
                "measure": selection.measure,
                "start": selection.start_ns,
                "end": selection.end_ns,
                "verdict": selection.verdict,
                "reference": selection.reference,
                "findings": selection.findings_only,
                "limit": selection.limit,
            },
        )

    def alerts(self, states: Sequence[str] | None = None, limit: int = 1000) -> pa.Table:
        """See `Store.alerts`."""
        return self._latest("alerts", states, limit)

    def notifications(self, states: Sequence[str] | None = None, limit: int = 1000) -> pa.Table:
        """See `Store.notifications`."""
        return self._latest("notifications", states, limit)

    def silences(self, after_ns: int | None = None) -> pa.Table:
        """See `Store.silences`."""
        return self._read(
            """
            WITH latest AS (
                SELECT * FROM silences
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY changed_ns DESC, rowid DESC) = 1
            )
            SELECT * FROM latest WHERE $after IS NULL OR end_ns > $after ORDER BY changed_ns DESC, id
            """,
            {"after": after_ns},
        )

    def _latest(self, table: str, states: Sequence[str] | None, limit: int) -> pa.Table:
        return self._read(
            f"""
            WITH latest AS (
                SELECT * FROM {table}
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY changed_ns DESC, rowid DESC) = 1
            )
            SELECT * FROM latest WHERE $states IS NULL OR list_contains($states::VARCHAR[], state)
            ORDER BY changed_ns DESC, id LIMIT $limit
            """,
            {"states": None if states is None else list(states), "limit": limit},
        )

    def totals(self) -> dict[str, int]:
        """See `Store.totals`."""
        sums = {
            "repeated": "SELECT coalesce(sum(count), 0) FROM refusals WHERE reason = 'repeat'",
            "refused": "SELECT coalesce(sum(count), 0) FROM refusals WHERE reason <> 'repeat'"
            " AND reason NOT LIKE 'folded %'",
            "announced_lost": "SELECT coalesce(sum(made - profiled), 0) FROM stream_events"
            " WHERE phase IN ('closed', 'end')",
        }
        counts = {table: _count(table) for table in _COUNTED}
        columns = ", ".join(f"CAST(({query}) AS BIGINT) AS {name}" for name, query in (counts | sums).items())
        row: dict[str, Any] = self._read(f"SELECT {columns}").to_pylist()[0]
        return row


def _count(table: str) -> str:
    """SQL: the rows that a table ever had. Those of archived files are written down: none is opened."""
    return f"""(SELECT count(*) FROM main.{table}) + (
        SELECT coalesce(sum(rows), 0) FROM archive_files WHERE state = 'kept' AND table_name = '{table}') + (
        SELECT coalesce(sum(rows), 0) FROM retention_log WHERE table_name = '{table}')"""
