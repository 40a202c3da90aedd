"""What is purged is gone from database and archive, stays away, and is counted as no loss."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import purge as module
from driftline_collector.store.archive import day_start
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import ARCHIVED
from driftline_collector.store.scopes import Scope

from tests.store.batches import SOURCE, points, predictions

DAY = "2026-01-01"
MINUTE = 60 * 10**9
START = day_start(DAY)
DEVICES = {"a": "cam-1", "b": "cam-2"}
EVERYTHING = ("predictions", "labels", "profiles", "stream_windows", "spans", "logs", "metrics", "sdk_health")


def fill(store: DuckDBStore) -> None:
    """Two devices, four windows of a minute each, in which all kinds of things came."""
    for stream, device in DEVICES.items():
        store.inbox.submit(said(stream, device, "start", START)).result(60)
        for minute in range(4):
            store.inbox.submit(sampled(stream, minute)).result(60)
            store.inbox.submit(counted(stream, minute)).result(60)
            store.inbox.submit(other(stream, minute)).result(60)
    store.settle()


def sampled(stream: str, minute: int) -> Batch:
    at = START + minute * MINUTE
    batch = predictions(stream, [minute], device=DEVICES[stream])
    table = batch.rows["predictions"].table
    place = table.column_names.index("time_ns")
    table = table.set_column(place, "time_ns", pa.array([at + 1], pa.int64()))
    return Batch({"predictions": Rows(table, batch.rows["predictions"].record)}, batch.numbers)


def counted(stream: str, minute: int, **columns: Any) -> Batch:
    at = START + minute * MINUTE
    return points(stream, at, at + MINUTE, {"cat": 3, "dog": 4}, device=DEVICES[stream], **columns)


def other(stream: str, minute: int) -> Batch:
    at = START + minute * MINUTE + 2
    device = {"stream": [stream], "device": [DEVICES[stream]]}
    rows: Mapping[str, Mapping[str, list[Any]]] = {
        "labels": {"time_ns": [at], "prediction_id": [f"{stream}-{minute}"], "label": ["cat"]},
        "spans": {"start_ns": [at], "end_ns": [at + 5], "name": ["infer"], **device},
        "logs": {"time_ns": [at], "body": ['"hello"'], **device},
        "metrics": {"start_ns": [at], "time_ns": [at], "name": ["load"], "kind": ["gauge"], **device},
        "sdk_health": {"time_ns": [at], "metric": ["driftline.sdk.dropped"], "value": [0.0], **device},
    }
    return Batch({name: Rows(pa.table(columns)) for name, columns in rows.items()})


def said(stream: str, device: str, phase: str, at: int) -> Batch:
    columns = {**SOURCE, "device": device, "stream": stream, "phase": phase, "time_ns": at, "made": 28}
    return Batch({"stream_events": Rows(pa.table({name: [value] for name, value in columns.items()}))})


def left(store: DuckDBStore, device: str) -> dict[str, int]:
    """Table → rows of a device; of windows and profiles those with something in them."""
    stream = next(stream for stream, of in DEVICES.items() if of == device)
    told = {
        "predictions": f"device = '{device}'",
        "labels": f"prediction_id LIKE '{stream}-%'",
        "profiles": f"device = '{device}' AND counts[1] > 0",
        "stream_windows": f"device = '{device}' AND predictions > 0",
        **dict.fromkeys(EVERYTHING[4:], f"device = '{device}'"),
    }
    reads = [f"(SELECT count(*) FROM {table} WHERE {which}) AS {table}" for table, which in told.items()]
    row: dict[str, int] = store._read(f"SELECT {', '.join(reads)}").to_pylist()[0]
    return row


def archive(store: DuckDBStore) -> None:
    for table in ARCHIVED:
        store.archive.move(table, DAY, "digits" if table.by_model else None, 1 << 62)


ALL = {"predictions": 4, "labels": 4, "profiles": 8, "stream_windows": 4} | dict.fromkeys(EVERYTHING[4:], 4)
NONE = dict.fromkeys(EVERYTHING, 0)


@pytest.fixture(params=["in the database", "in the archive"])
def filled(store: DuckDBStore, request: pytest.FixtureRequest) -> DuckDBStore:
    fill(store)
    if request.param == "in the archive":
        archive(store)
    return store


def test_a_plan_tells_what_would_go_and_takes_nothing(filled: DuckDBStore) -> None:
    planned = {each.table: each.rows for each in filled.purge_plan(Scope(devices=("cam-1",)))}
    assert planned == {**ALL, "deployments": 0, "stream_events": 1}
    assert left(filled, "cam-1") == ALL


def test_a_purged_device_is_gone_and_others_are_as_they_were(filled: DuckDBStore) -> None:
    gone = {each.table: each.rows for each in filled.purge(Scope(devices=("cam-1",)), "anna", "sold")}
    assert gone == {**ALL, "deployments": 0, "stream_events": 1}
    assert left(filled, "cam-1") == NONE
    assert left(filled, "cam-2") == ALL
    assert {row["device"] for row in filled.coverage(0, 1 << 62).to_pylist()} == {"cam-2"}
    assert filled.progress("digits", 0, 1 << 62).column("device").to_pylist() == ["cam-2"]


def test_no_file_of_the_archive_holds_what_was_purged(store: DuckDBStore, path: Path) -> None:
    fill(store)
    archive(store)
    store.purge(Scope(devices=("cam-1",)), "anna", None)
    for table in EVERYTHING:
        found = ds.dataset(f"{path}.archive/{table}", format="parquet", partitioning="hive").to_table()
        assert found.num_rows == ALL[table]
        if "device" in found.column_names:
            assert found.column("device").unique().to_pylist() == ["cam-2"]


def test_a_purged_interval_is_empty_and_yet_no_hole_and_no_silence(filled: DuckDBStore) -> None:
    before = filled.coverage(0, 1 << 62).to_pylist()
    made = filled.made().to_pylist()
    filled.purge(Scope(devices=("cam-1",), start_ns=START + MINUTE, end_ns=START + 3 * MINUTE), "anna", None)
    assert left(filled, "cam-1") == {name: rows // 2 for name, rows in ALL.items()}
    assert left(filled, "cam-2") == ALL
    assert filled.coverage(0, 1 << 62).to_pylist() == before
    assert filled.made().to_pylist() == made
    inside = filled.progress("digits", START + MINUTE, START + 2 * MINUTE).to_pylist()
    assert [(row["device"], row["last_end_ns"]) for row in inside] == [
        (device, START + 2 * MINUTE) for device in ("cam-1", "cam-2")
    ]
    emptied = filled.device_counts("digits", START + MINUTE, START + 3 * MINUTE).to_pylist()
    assert {(row["device"], row["category"], tuple(row["counts"])) for row in emptied} == {
        ("cam-1", None, (0,)),
        ("cam-2", "cat", (6,)),
        ("cam-2", "dog", (8,)),
    }


def test_a_second_purge_of_the_same_finds_nothing(store: DuckDBStore) -> None:
    fill(store)
    scope = Scope(stream="a", end_ns=START + 2 * MINUTE)
    assert sum(each.rows for each in store.purge(scope, "anna", None))
    assert not sum(each.rows for each in store.purge_plan(scope))
    assert not sum(each.rows for each in store.purge(scope, "anna", None))


@pytest.mark.parametrize(
    ("scope", "archived"),
    [
        (Scope(devices=("cam-1",)), True),
        (Scope(stream="a"), False),
        (Scope(start_ns=START, end_ns=START + 10 * MINUTE), True),
        (Scope(model="digits"), False),
    ],
)
def test_what_was_purged_does_not_come_back_when_it_is_sent_again(
    store: DuckDBStore, path: Path, scope: Scope, archived: bool
) -> None:
    fill(store)
    if archived:
        archive(store)
    store.purge(scope, "anna", None)
    before = left(store, "cam-1")
    assert before["profiles"] == before["predictions"] == 0
    send_again(store)
    assert left(store, "cam-1") == before
    store.close()
    with closing(DuckDBStore(path)) as again:  # and after a restart
        send_again(again)
        assert left(again, "cam-1") == before
        again.inbox.submit(counted("a", 9)).result(60)  # but what is new is taken
        assert left(again, "cam-1")["profiles"] == 2


def send_again(store: DuckDBStore) -> None:
    for minute in range(4):
        store.inbox.submit(sampled("a", minute)).result(60)
        store.inbox.submit(counted("a", minute)).result(60)


def test_another_model_in_the_same_window_is_no_repeat_of_a_purged_one(store: DuckDBStore) -> None:
    fill(store)
    store.purge(Scope(model="digits"), "anna", None)
    store.inbox.submit(counted("a", 1, model="letters")).result(60)
    assert store.device_counts("letters", 0, 1 << 62).num_rows == 2


def test_a_purge_by_model_takes_labels_with_their_predictions(store: DuckDBStore) -> None:
    fill(store)
    gone = {each.table: each.rows for each in store.purge(Scope(model="digits"), "anna", None)}
    assert gone["labels"] == gone["predictions"] == 8
    assert gone["logs"] == gone["metrics"] == gone["spans"] == 0  # they tell no model


def test_a_renamed_device_is_purged_under_all_its_names(store: DuckDBStore) -> None:
    fill(store)
    store._database.cursor().execute("INSERT INTO device_names VALUES ('cam-1', 'gate')")
    assert store.names_of("gate") == ("gate", "cam-1")
    assert store.names_of("cam-2") == ("cam-2",)


def test_what_was_done_is_kept_in_the_audit_log_without_what_was_purged(store: DuckDBStore) -> None:
    fill(store)
    store.purge(Scope(stream="a", start_ns=START, end_ns=START + MINUTE), "anna", "a face was seen")
    (entry,) = store.audit(10).to_pylist()
    assert (entry["what"], entry["author"], entry["reason"]) == ("purge", "anna", "a face was seen")
    assert json.loads(entry["scope"]) == {"stream": "a", "start_ns": START, "end_ns": START + MINUTE}
    assert json.loads(entry["rows"]) == {name: rows // 4 for name, rows in ALL.items()}


def test_windows_of_which_something_was_purged_are_to_be_judged_again(store: DuckDBStore) -> None:
    fill(store)
    width = 2 * MINUTE
    since = max(store.touched(0, width).column("received_ns").to_pylist())
    assert not store.touched(since, width).num_rows
    store.purge(
        Scope(devices=("cam-1",), start_ns=START + 2 * MINUTE, end_ns=START + 3 * MINUTE), "anna", None
    )
    (row,) = store.touched(since, width).to_pylist()
    assert (row["model"], row["window_start_ns"], row["purged"]) == ("digits", START + 2 * MINUTE, True)


def test_a_purge_that_fails_changes_nothing(
    filled: DuckDBStore, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    def broken(cursor: duckdb.DuckDBPyConnection, scope: Scope) -> None:
        raise duckdb.IOException("IO Error: no space left on device")

    monkeypatch.setattr(module, "_forget_device", broken)  # the last step but one
    files = sorted(Path(f"{path}.archive").rglob("*.parquet"))
    with pytest.raises(StoreError, match="nothing was purged: IO"):
        filled.purge(Scope(devices=("cam-1",)), "anna", None)
    assert left(filled, "cam-1") == ALL
    assert sorted(Path(f"{path}.archive").rglob("*.parquet")) == files
    assert not filled.audit(10).num_rows
    send_again(filled)
    assert left(filled, "cam-1") == ALL


def test_the_catalogue_forgets_what_was_purged(store: DuckDBStore) -> None:
    fill(store)
    assert store.catalogue().num_rows == 1
    store.purge(Scope(model="digits"), "anna", None)
    assert store.catalogue().num_rows == 0


def test_what_is_accepted_just_before_is_purged_too(store: DuckDBStore) -> None:
    fill(store)
    store.inbox.submit(counted("a", 5)).result(60)
    store.purge(Scope(devices=("cam-1",)), "anna", None)
    assert left(store, "cam-1") == NONE
