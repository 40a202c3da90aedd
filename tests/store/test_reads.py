"""The named reads that analysis asks, on rows small enough to know the answers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store.base import Selection
from driftline_collector.store.batch import Batch
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.shown import Where

from tests.store.batches import SOURCE, points, predictions

EVER = 1 << 62


def put(store: DuckDBStore, table: str, *rows: dict[str, Any]) -> None:
    columns = {name for row in rows for name in row}
    columns_of = {name: [row.get(name) for row in rows] for name in sorted(columns)}
    store.submit({table: pa.table(columns_of)}).result(60)


def take(store: DuckDBStore, *batches: Batch) -> None:
    for batch in batches:
        store.writer.submit(batch).result(60)


def prediction(id_: str, time_ns: int = 1, **columns: Any) -> dict[str, Any]:
    return SOURCE | {"id": id_, "time_ns": time_ns} | columns


def test_counts_of_a_devices_windows_are_summed_bin_by_bin(store: DuckDBStore) -> None:
    histogram = {"feature": "x", "kind": "numeric", "binning": "b", "bounds": [0.5, 1.5]} | SOURCE
    put(
        store,
        "profiles",
        histogram | {"stream": "a", "start_ns": 0, "end_ns": 60, "counts": [1, 2, 3]},
        histogram | {"stream": "a", "start_ns": 60, "end_ns": 120, "counts": [10, 20, 30]},
        histogram | {"stream": "b", "start_ns": 0, "end_ns": 60, "counts": [5, 5, 5], "device": "cam-2"},
        histogram | {"stream": "a", "start_ns": 120, "end_ns": 180, "counts": [99, 99, 99]},
    )
    found = {row["device"]: row["counts"] for row in store.device_counts("digits", 0, 120).to_pylist()}
    assert found == {"cam-1": [11, 22, 33], "cam-2": [5, 5, 5]}


def on_line(line: str | None) -> pa.Array:
    own = pa.map_(pa.string(), pa.string())
    return pa.array([None if line is None else [("line", line), ("site", "north")]], own)


def test_whatever_is_read_is_told_apart_by_dimensions_of_the_users_own(store: DuckDBStore) -> None:
    counted = SOURCE | {"feature": "__label__", "kind": "predictions", "binning": "b", "category": "7"}
    for device, line in (("cam-1", "A1"), ("cam-2", "A3"), ("cam-3", None), ("cam-4", "")):
        whose = counted | {"device": device, "stream": device, "start_ns": 0, "end_ns": 60, "counts": [3]}
        one = pa.table({name: [value] for name, value in whose.items()})
        store.submit({"profiles": one.append_column("segment", on_line(line))}).result(60)
    own = ["segment.line"]
    lines = {"cam-1": "A1", "cam-2": "A3", "cam-3": "unknown", "cam-4": "unknown"}
    for rows in (store.device_counts("digits", 0, EVER, own=own), store.progress("digits", 0, EVER, own=own)):
        assert {row["device"]: row["segment.line"] for row in rows.to_pylist()} == lines
    assert "segment.line" not in store.progress("digits", 0, EVER).column_names
    told = store.own_dimensions("digits", 0, EVER, 0).to_pylist()
    assert told == [{"name": "line", "different": 3}, {"name": "site", "different": 2}]
    assert store.count_cells("digits", 0, EVER, 0, own) == 3
    assert store.count_cells("digits", 0, EVER, 0, []) == 1
    here = Where(own=(("segment.line", "A3"),), end_ns=EVER)
    assert store.fleet(here).column("device").to_pylist() == ["cam-2"]
    assert store.fleet(Where(own=(("segment.line", "unknown"),), end_ns=EVER)).num_rows == 2


def test_another_tier_that_tells_no_line_makes_no_line_of_it(store: DuckDBStore) -> None:
    """A cloud service that answers one line's cameras is not on an unknown line."""
    for tier, line in (("device_edge", "A1"), ("cloud", None)):
        whose = SOURCE | {"tier": tier, "stream": tier, "start_ns": 0, "end_ns": 60, "predictions": 1}
        one = pa.table({name: [value] for name, value in whose.items()})
        store.submit({"stream_windows": one.append_column("segment", on_line(line))}).result(60)
    told = store.own_dimensions("digits", 0, EVER, 0)
    assert told.column("different").to_pylist() == [1, 1]


def test_how_far_a_device_has_reported_and_whether_it_said_goodbye(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}), points("a", 60, 120, {"7": 1}))
    (row,) = store.progress("digits", 0, EVER).to_pylist()
    assert (row["first_start_ns"], row["last_end_ns"], row["ended"]) == (0, 120, False)
    put(store, "stream_events", SOURCE | {"time_ns": 130, "stream": "a", "phase": "end"})
    assert store.progress("digits", 0, EVER).column("ended").to_pylist() == [True]


def test_a_device_that_has_started_again_is_not_gone(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}))
    put(store, "stream_events", SOURCE | {"time_ns": 70, "stream": "a", "phase": "end"})
    put(store, "stream_events", SOURCE | {"time_ns": 80, "stream": "b", "phase": "start"})
    assert store.progress("digits", 0, EVER).column("ended").to_pylist() == [False]
    assert store.progress("digits", 0, 75).column("ended").to_pylist() == [True]


def test_windows_that_data_came_for_since_the_last_look(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}), points("a", 100, 160, {"7": 1}))
    first = store.touched(0, 100).to_pylist()
    assert [row["window_start_ns"] for row in first] == [0, 100]
    latest = max(row["received_ns"] for row in first)
    assert store.touched(latest, 100).num_rows == 0
    take(store, points("b", 30, 60, {"7": 1}))
    assert store.touched(latest, 100).column("window_start_ns").to_pylist() == [0]


def test_the_latest_label_of_a_prediction_counts(store: DuckDBStore) -> None:
    put(store, "predictions", prediction("p", label="7", probability=0.5), prediction("q", label="1"))
    put(store, "labels", {"time_ns": 20, "prediction_id": "p", "label": "9"})
    put(store, "labels", {"time_ns": 10, "prediction_id": "p", "label": "7"})
    (row,) = store.labelled("digits", 0, EVER).to_pylist()
    assert (row["id"], row["label"], row["true_label"], row["probability"]) == ("p", "7", "9", 0.5)


def test_labels_at_the_same_time_count_in_order_of_receipt(store: DuckDBStore) -> None:
    put(store, "predictions", prediction("p"))
    for label in ("1", "2"):
        put(store, "labels", {"time_ns": 20, "prediction_id": "p", "label": label})
    assert store.labelled("digits", 0, EVER).column("true_label").to_pylist() == ["2"]


def test_the_answer_of_a_cloud_is_found_by_word_by_parent_and_by_trace(store: DuckDBStore) -> None:
    trace = b"t" * 16
    put(
        store,
        "predictions",
        prediction("by-word", escalation_label="3", escalation_reason="score"),
        prediction("by-parent"),
        prediction("by-trace", trace_id=trace),
        prediction("alone"),
        prediction("c1", 2, tier="cloud", parent_id="by-parent", label="4", model="large"),
        prediction("c2", 2, tier="cloud", trace_id=trace, label="5", model="large"),
        prediction("c3", 2, tier="cloud", parent_id="by-word", label="0", model="large"),
    )
    found = {row["id"]: row["cloud_label"] for row in store.escalated("digits", 0, EVER).to_pylist()}
    assert found == {"by-word": "3", "by-parent": "4", "by-trace": "5"}


def test_a_prediction_that_was_sent_twice_without_a_number_is_read_once(store: DuckDBStore) -> None:
    take(store, predictions(None, [1], ids=["p"]), predictions(None, [1], ids=["p"]))
    assert store.predictions("digits", 0, EVER).num_rows == 1
    assert store.known_predictions(["p", "q"]) == {"p"}


def test_the_highest_revision_of_an_evaluation_counts(store: DuckDBStore) -> None:
    row = {
        "model": "digits",
        "segment": "model=digits,version=*,device_type=*,region=*",
        "measure": "drift",
        "window_start_ns": 0,
        "window_end_ns": 60,
        "finding": True,
    }
    put(
        store,
        "evaluations",
        row | {"evaluated_ns": 1, "revision": 0, "verdict": "stable"},
        row | {"evaluated_ns": 2, "revision": 1, "verdict": "drifted"},
    )
    assert store.evaluations(Selection()).column("verdict").to_pylist() == ["drifted"]
    assert store.evaluations(Selection(verdict="stable")).num_rows == 0


def test_totals_count_what_was_repeated_refused_and_announced_lost(store: DuckDBStore) -> None:
    take(store, predictions("a", [1, 2, 3], refused=[0]), predictions("a", [2, 3]))
    put(
        store,
        "stream_events",
        SOURCE | {"time_ns": 1, "stream": "a", "phase": "end", "made": 9, "profiled": 7},
    )
    totals = store.totals()
    assert (totals["predictions"], totals["repeated"], totals["refused"], totals["announced_lost"]) == (
        2,
        2,
        1,
        2,
    )


def test_readers_on_other_threads_see_each_commit(store: DuckDBStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 6):
            take(store, predictions("a", [number]))
            seen = pool.map(lambda _: store.predictions("digits", 0, EVER).num_rows, range(8))
            assert set(seen) == {number}


def test_samples_by_cell_and_feature_set_without_those_that_stand_for_nothing(store: DuckDBStore) -> None:
    put(
        store,
        "predictions",
        prediction("a", time_ns=5, probability=0.5, feature_set=7, label="1"),
        prediction("b", time_ns=3, probability=0.5, feature_set=7, score=0.2),
        prediction("c", feature_set=8),
        prediction("d", region="us"),
        prediction("label", reasons=["ground_truth"]),
        prediction("answer", parent_id="a"),
        prediction("later", time_ns=100),
    )
    told = [
        (row["region"], row["feature_set"], row["samples"], row["first_ns"], row["with_label"])
        for row in store.sampled("digits", 0, 100).to_pylist()
    ]
    assert told == [("eu", 7, 2, 3, True), ("eu", 8, 1, 1, False), ("us", None, 1, 1, False)]


def test_samples_of_some_cells_told_apart_by_id_all_or_an_even_share_of_them(store: DuckDBStore) -> None:
    rows = [prediction(f"p{i}", region="eu" if i % 2 else "us", score=0.5) for i in range(400)]
    put(store, "predictions", *rows)
    put(store, "predictions", *rows[:100])
    cell = ("1", "camera-a", "eu", "device_edge")
    assert store.selected("digits", 0, EVER, [cell]).num_rows == 200
    some = store.selected("digits", 0, EVER, [cell], share=0.25)
    assert 25 <= some.num_rows <= 75
    assert store.selected("digits", 0, EVER, [cell], share=0.25) == some
    assert store.selected("digits", 0, EVER, []).num_rows == 0


def test_samples_touch_a_window_where_nobody_counts(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}), predictions("a", [5]), predictions(None, [150]))
    latest = max(row["received_ns"] for row in store.touched(0, 100).to_pylist())
    assert [row["window_start_ns"] for row in store.touched(0, 100).to_pylist()] == [0, 100]
    take(store, predictions("a", [6]))
    assert store.touched(latest, 100).num_rows == 0


def test_a_read_that_lacks_memory_says_what_to_do(store: DuckDBStore) -> None:
    before = store.memory().column("limit")[0].as_py()
    store.archive.cursor.execute("SET memory_limit = '64MB'")
    with pytest.raises(StoreError, match=r"give it more \(store\.memory\)"):
        store._read("SELECT list(i) FROM range(30_000_000) AS numbers(i)")
    store.archive.cursor.execute(f"SET memory_limit = '{before}'")
    assert store.evaluations(Selection(model="digits")).num_rows == 0
