"""WIRE.md, "Exactly once, and knowing what is missing", as far as it is the store's."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.duckdb import DuckDBStore

from tests.store.batches import SOURCE, numbers, points, predictions


def commit(store: DuckDBStore, *batches: Batch) -> None:
    """All in one group, as a busy writer would."""
    with store.writer._arrived:
        futures = [store.writer.submit(batch) for batch in batches]
    for future in futures:
        future.result(60)


def sequences(store: DuckDBStore, table: str = "predictions") -> list[tuple[str | None, int | None]]:
    query = f"SELECT stream, sequence FROM {table} ORDER BY stream NULLS FIRST, sequence"
    return store._cursor().execute(query).fetchall()


def intervals(store: DuckDBStore) -> list[tuple[str, str, int, int]]:
    query = """
        SELECT stream, signal, "first", "last" FROM stream_intervals
        WHERE signal IN ('logs', 'traces') ORDER BY ALL
    """
    return store._cursor().execute(query).fetchall()


def refusals(store: DuckDBStore) -> dict[tuple[str, str, str | None], int]:
    query = "SELECT signal, reason, stream, sum(count)::BIGINT FROM refusals GROUP BY ALL"
    return {tuple(row[:3]): row[3] for row in store._cursor().execute(query).fetchall()}


def windows(store: DuckDBStore) -> list[tuple[str, int, int, int]]:
    query = "SELECT stream, start_ns, end_ns, predictions FROM stream_windows ORDER BY ALL"
    return store._cursor().execute(query).fetchall()


# -- numbers -------------------------------------------------------------------------------------------
def test_a_request_that_is_sent_again_is_stored_once_and_counted_as_repeat(store: DuckDBStore) -> None:
    for _ in range(3):
        commit(store, predictions("a", [1, 2, 3]))
    assert sequences(store) == [("a", 1), ("a", 2), ("a", 3)]
    assert refusals(store) == {("logs", "repeat", "a"): 6}


def test_the_same_records_twice_in_one_group_are_stored_once(store: DuckDBStore) -> None:
    commit(store, predictions("a", [1, 2]), predictions("b", [1]), predictions("a", [2, 3]))
    assert sequences(store) == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert refusals(store) == {("logs", "repeat", "a"): 1}


def test_repeats_are_known_after_a_restart(path: Path) -> None:
    for _ in range(2):
        store = DuckDBStore(path)
        commit(store, predictions("a", [1, 2, 5]))
        commit(store, predictions("a", [3]))
        found = sequences(store)
        store.close()
    assert found == [("a", 1), ("a", 2), ("a", 3), ("a", 5)]


def test_logs_and_spans_are_numbered_apart(store: DuckDBStore) -> None:
    span = pa.table({"start_ns": [1], "end_ns": [2], "stream": ["a"], "sequence": [1]})
    spans = Batch({"spans": Rows(span, np.array([0]))}, numbers("traces", "a", [1]))
    commit(store, predictions("a", [1]), spans)
    commit(store, spans)
    assert sequences(store, "predictions") == sequences(store, "spans") == [("a", 1)]
    assert intervals(store) == [("a", "logs", 1, 1), ("a", "traces", 1, 1)]


def test_one_counter_runs_through_all_tables_of_a_signal(store: DuckDBStore) -> None:
    label = pa.table(
        {"time_ns": [1], "prediction_id": ["p"], "label": ["7"], "stream": ["a"], "sequence": [2]}
    )
    both = predictions("a", [1, 2, 3], refused=[1])
    mixed = Batch(both.rows | {"labels": Rows(label, np.array([1]))}, both.numbers)
    commit(store, mixed)
    commit(store, mixed)
    assert sequences(store) == [("a", 1), ("a", 3)]
    assert sequences(store, "labels") == [("a", 2)]
    assert intervals(store) == [("a", "logs", 1, 3)]


def test_records_without_a_number_are_taken_as_often_as_they_come(store: DuckDBStore) -> None:
    for _ in range(2):
        commit(store, predictions(None, [1, 2], ids=["p", "q"]))
    assert len(sequences(store)) == 4
    assert not refusals(store)
    assert store.predictions("digits", 0, 10).column("id").to_pylist() == ["p", "q"]  # told apart when read


def test_what_is_refused_counts_as_seen_and_is_counted_once(store: DuckDBStore) -> None:
    for _ in range(2):
        commit(store, predictions("a", [1, 2, 3], refused=[1]))
    assert sequences(store) == [("a", 1), ("a", 3)]
    assert intervals(store) == [("a", "logs", 1, 3)]
    assert refusals(store) == {("logs", "made up", "a"): 1, ("logs", "repeat", "a"): 3}


# -- points --------------------------------------------------------------------------------------------
def test_a_window_that_is_sent_again_is_counted_once(store: DuckDBStore) -> None:
    for _ in range(2):
        commit(store, points("a", 0, 60, {"7": 5, "1": 2}))
    assert windows(store) == [("a", 0, 60, 7)]
    assert refusals(store) == {("metrics", "repeat", "a"): 2}


def test_repeats_are_counted_though_a_batch_spells_their_stream_twice(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"7": 5, "1": 2}))
    table = points("a", 0, 60, {"7": 5, "1": 2}).rows["profiles"].table
    spelled = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["a", "a"]))
    column = table.column_names.index("stream")
    commit(store, Batch({"profiles": Rows(table.set_column(column, "stream", spelled))}))
    assert refusals(store) == {("metrics", "repeat", "a"): 2}


def test_a_window_twice_in_one_group_is_counted_once(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"7": 5}), points("a", 0, 60, {"7": 5}), points("b", 0, 60, {"7": 5}))
    assert windows(store) == [("a", 0, 60, 5), ("b", 0, 60, 5)]


def test_a_window_whose_points_come_in_two_requests_is_counted_whole(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"7": 5, "1": 1}))
    commit(store, points("a", 0, 60, {"1": 1, "2": 3}))
    assert windows(store) == [("a", 0, 60, 3), ("a", 0, 60, 6)]
    assert refusals(store) == {("metrics", "repeat", "a"): 1}


def test_points_of_two_versions_in_one_window_are_two_points(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"7": 5}))
    commit(store, points("a", 0, 60, {"7": 5}, version="2"))
    assert not refusals(store)


def test_windows_that_are_sent_again_are_known_after_a_restart(path: Path) -> None:
    for _ in range(2):
        store = DuckDBStore(path)
        commit(store, points("a", 0, 60, {"7": 5}))
        found = windows(store)
        store.close()
    assert found == [("a", 0, 60, 5)]


def test_points_without_a_stream_are_taken_as_often_as_they_come(store: DuckDBStore) -> None:
    for _ in range(2):
        commit(store, points(None, 0, 60, {"7": 5}))
    assert windows(store) == [("", 0, 60, 5)] * 2


def test_an_idle_window_stands_in_the_chain(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"": 0}))
    assert windows(store) == [("a", 0, 60, 0)]


@pytest.mark.parametrize("table", ["metrics", "sdk_health"])
def test_other_metrics_of_a_stream_are_taken_once(store: DuckDBStore, table: str) -> None:
    columns = {
        "metrics": {
            "start_ns": [0],
            "name": ["m"],
            "kind": ["sum"],
            "attributes": ['{"a":1}'],
            "value": [1.0],
        },
        "sdk_health": {
            "device": ["d"],
            "metric": ["m"],
            "reason": ["full"],
            "signal": ["logs"],
            "value": [1.0],
        },
    }[table]
    point = pa.table({"stream": ["a"], "time_ns": [60], **columns})
    for _ in range(2):
        commit(store, Batch({table: Rows(point)}))
    assert store._cursor().execute(f"SELECT count(*) FROM {table}").fetchall() == [(1,)]


# -- feature sets --------------------------------------------------------------------------------------
def test_a_feature_set_is_registered_once(path: Path) -> None:
    sets = pa.table({"id": [7, 7], "names": [["x"], ["x"]], "types": [["number"], ["number"]]})
    for _ in range(2):
        store = DuckDBStore(path)
        commit(store, Batch({"feature_sets": Rows(sets)}), Batch({"feature_sets": Rows(sets)}))
        found = store._cursor().execute("SELECT id, names FROM feature_sets").fetchall()
        store.close()
    assert found == [(7, ["x"])]


# -- what is missing -----------------------------------------------------------------------------------
def coverage(store: DuckDBStore) -> dict[str, dict[str, object]]:
    return {row["stream"]: row for row in store.coverage(0, 1 << 62).to_pylist()}


def said(stream: str, phase: str, **columns: object) -> Batch:
    rows = {"time_ns": [100], "stream": [stream], "phase": [phase]}
    rows |= {name: [value] for name, value in (SOURCE | columns).items()}
    return Batch({"stream_events": Rows(pa.table(rows))})


def test_a_hole_between_windows_shows(store: DuckDBStore) -> None:
    commit(store, points("a", 0, 60, {"7": 5}), points("a", 90, 150, {"7": 5}))
    assert coverage(store)["a"]["window_holes_ns"] == 30
    commit(store, points("a", 60, 90, {"7": 5}))
    assert coverage(store)["a"]["window_holes_ns"] == 0
    assert coverage(store)["a"]["predictions"] == 15


def test_numbers_that_never_came_are_missing_unless_the_device_says_that_it_dropped_them(
    store: DuckDBStore,
) -> None:
    commit(store, points("a", 0, 60, {"7": 5}), predictions("a", [1, 2, 5, 9]))
    assert coverage(store)["a"]["missing_logs"] == 5
    commit(store, said("a", "closed", last_log=12, made=20, profiled=18, tombstones_logs=[3, 4, 11, 11]))
    assert coverage(store)["a"]["missing_logs"] == 5  # 6, 7, 8, 10 and 12
    assert coverage(store)["a"]["announced_lost"] == 2
