"""Devices that are retired, renamed and moved: what that does to rows that are there, and that come."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from driftline_collector.store.base import Selection
from driftline_collector.store.batch import Batch
from driftline_collector.store.devices import TABLE
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import TABLES
from driftline_collector.store.shown import Where

from tests.store.batches import points, predictions

EVER = 10**18


def take(store: DuckDBStore, *batches: Batch) -> None:
    for batch in batches:
        store.inbox.submit(batch).result()


def say(store: DuckDBStore, at: int, device: str, kind: str, *, since: int = 0, **columns: Any) -> None:
    """Write down what an operator said."""
    row = {"changed_ns": at, "device": device, "kind": kind, "since_ns": since, "author": "a", "reason": "b"}
    schema = store._read(f"SELECT * FROM {TABLE} LIMIT 0").schema
    store.submit({TABLE: pa.Table.from_pylist([row | columns], schema=schema)}).result()


def rename(store: DuckDBStore, at: int, before: str, after: str) -> None:
    say(store, at, before, "rename", before=before, after=after)


def column(store: DuckDBStore, table: str, names: str) -> list[tuple[Any, ...]]:
    rows = store._read(f"SELECT {names} FROM {table} ORDER BY ALL").to_pylist()
    return [tuple(row.values()) for row in rows]


def test_a_renamed_device_has_one_history_whatever_it_calls_itself(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}), predictions("a", [1]))
    rename(store, 1, "cam-1", "hall-3")
    take(store, points("a", 60, 120, {"7": 2}), predictions("a", [2]))
    take(store, points("b", 120, 180, {"7": 4}, device="hall-3"))  # told of its new name at last
    take(store, points("c", 0, 60, {"7": 8}, device="cam-2"))
    for table in ("profiles", "stream_windows", "predictions"):
        assert {row[0] for row in column(store, table, "DISTINCT device")} <= {"hall-3", "cam-2"}
    found = {row["device"]: row["predictions"] for row in store.fleet(Where()).to_pylist()}
    assert found == {"hall-3": 7, "cam-2": 8}
    assert store.fleet(Where(device="cam-1")).num_rows == 0
    assert [row["device"] for row in store.progress("digits", 0, EVER).to_pylist()] == ["cam-2", "hall-3"]


def test_what_was_judged_of_a_device_is_found_under_its_new_name(store: DuckDBStore) -> None:
    cell = "model=digits,version=1,device_type=camera-a,region=eu"
    rows = [
        {"segment": f"{cell},device=cam%2F1", "measure": "device"},
        {"segment": f"{cell},device=my-cam%2F1", "measure": "device"},
        {"segment": cell, "measure": "drift"},
    ]
    shared = {"window_start_ns": 0, "window_end_ns": 60, "revision": 0, "finding": False, "model": "digits"}
    store.submit(
        {"evaluations": pa.Table.from_pylist([shared | row | {"evaluated_ns": 1} for row in rows])}
    ).result()
    rename(store, 1, "cam/1", "a,b=c")
    assert set(store.evaluations(Selection()).column("segment").to_pylist()) == {
        f"{cell},device=a%2Cb%3Dc",
        f"{cell},device=my-cam%2F1",
        cell,
    }


def test_names_follow_each_other_and_back(store: DuckDBStore, path: Path) -> None:
    take(store, points("a", 0, 60, {"7": 1}))
    rename(store, 1, "cam-1", "b")
    rename(store, 2, "b", "c")
    take(store, points("a", 60, 120, {"7": 1}))
    assert column(store, "stream_windows", "DISTINCT device") == [("c",)]
    rename(store, 3, "c", "cam-1")
    take(store, points("a", 120, 180, {"7": 1}), points("x", 0, 60, {"7": 1}, device="b"))
    assert column(store, "stream_windows", "DISTINCT device") == [("cam-1",)]
    store.close()
    again = DuckDBStore(path)
    take(again, points("a", 180, 240, {"7": 1}, device="c"))
    assert column(again, "stream_windows", "DISTINCT device") == [("cam-1",)]
    assert {row["name"] for row in again.device_changes("b").to_pylist()} == {"cam-1"}
    again.close()


def test_what_is_archived_of_a_device_is_found_under_its_new_name(store: DuckDBStore, path: Path) -> None:
    take(store, points("a", 0, 60, {"7": 3}), points("b", 0, 60, {"7": 5}, device="cam-2"))
    for name in ("profiles", "stream_windows"):
        store.archive.move(TABLES[name], "1970-01-01", "digits", EVER * 9)
    take(store, points("a", 60, 120, {"7": 1}))
    rename(store, 1, "cam-1", "hall-3")
    store.show_names()
    found = {row["device"]: row["predictions"] for row in store.fleet(Where()).to_pylist()}
    assert found == {"hall-3": 4, "cam-2": 5}
    rename(store, 2, "hall-3", "cam-1")
    store.show_names()
    store.close()
    again = DuckDBStore(path)
    found = {row["device"]: row["predictions"] for row in again.fleet(Where()).to_pylist()}
    assert found == {"cam-1": 4, "cam-2": 5}
    again.close()


def test_a_repeat_is_one_under_whichever_name_it_comes(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}), predictions("a", [1]))
    rename(store, 1, "cam-1", "hall-3")
    take(store, points("a", 0, 60, {"7": 1}), predictions("a", [1]))
    assert store.totals()["repeated"] == 2
    assert store.totals()["predictions"] == 1


def test_a_moved_device_is_elsewhere_for_what_it_measures_from_then_on(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}))
    say(store, 1, "cam-1", "move", since=100, dimension="region", before="eu", after="us")
    take(store, points("a", 60, 120, {"7": 1}))  # begun before then, and late
    take(store, points("a", 120, 180, {"7": 1}), points("b", 120, 180, {"7": 1}, device="cam-2"))
    found = column(store, "stream_windows", "device, start_ns, region")
    assert found == [
        ("cam-1", 0, "eu"),
        ("cam-1", 60, "eu"),
        ("cam-1", 120, "us"),
        ("cam-2", 120, "eu"),
    ]
    assert column(store, "profiles", "device, start_ns, region") == found


def test_a_device_that_says_something_new_of_its_place_is_believed(store: DuckDBStore) -> None:
    say(store, 1, "cam-1", "move", dimension="region", before="eu", after="us")
    say(store, 2, "cam-1", "move", dimension="device_type", before="camera-a", after="camera-b")
    take(store, points("a", 0, 60, {"7": 1}))
    take(store, points("a", 60, 120, {"7": 1}, region="us", device_type="camera-b"))
    take(store, points("a", 120, 180, {"7": 1}, region="asia"))
    assert column(store, "stream_windows", "start_ns, region, device_type") == [
        (0, "us", "camera-b"),
        (60, "us", "camera-b"),
        (120, "asia", "camera-b"),
    ]


def test_moves_hold_one_after_the_other_also_under_another_name(store: DuckDBStore, path: Path) -> None:
    say(store, 1, "cam-1", "move", dimension="region", before="eu", after="us")
    say(store, 2, "cam-1", "move", since=100, dimension="region", before="us", after="asia")
    rename(store, 3, "cam-1", "hall-3")
    store.close()
    again = DuckDBStore(path)
    take(again, points("a", 0, 60, {"7": 1}), points("a", 120, 180, {"7": 1}))
    assert column(again, "stream_windows", "device, region") == [("hall-3", "asia"), ("hall-3", "us")]
    again.close()


def test_nobody_waits_for_a_retired_device_until_it_returns(store: DuckDBStore) -> None:
    def ended(end_ns: int) -> list[bool]:
        flags: list[bool] = store.progress("digits", 0, end_ns).column("ended").to_pylist()
        return flags

    take(store, points("a", 0, 60, {"7": 1}))
    say(store, 1, "cam-1", "retire", since=100)
    assert (ended(100), ended(101)) == ([False], [True])
    assert store.fleet(Where()).column("retired_ns").to_pylist() == [100]
    rename(store, 2, "cam-1", "hall-3")
    assert ended(EVER) == [True]
    say(store, 3, "hall-3", "return", since=200)
    assert ended(EVER) == [False]
    assert store.fleet(Where()).column("retired_ns").to_pylist() == [None]


def test_a_rename_that_cannot_be_committed_leaves_no_trace(store: DuckDBStore) -> None:
    take(store, points("a", 0, 60, {"7": 1}))
    row = {"changed_ns": 1, "device": "cam-1", "kind": "rename", "before": "cam-1", "after": "b"}
    schema = store._read(f"SELECT * FROM {TABLE} LIMIT 0").schema
    broken = pa.Table.from_pylist([row | {"since_ns": 0, "author": "a"}], schema=schema)  # no reason
    assert store.submit({TABLE: broken}).exception() is not None
    take(store, points("a", 60, 120, {"7": 1}))
    assert column(store, "stream_windows", "DISTINCT device") == [("cam-1",)]
    assert store.device_changes().num_rows == 0
