"""Closed days in Parquet: no row is lost or doubled, whatever happens when, and all are read as before."""

import logging
import shutil
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import ARCHIVED, TABLES

from tests.store.keeping import (
    EVER,
    START_NS,
    at,
    date,
    ids,
    keep,
    left_behind,
    parquet,
    prediction,
    put,
    rewritten,
)

#: A value for each type that a column of ours has.
_VALUES: dict[str, Any] = {
    "BIGINT": 7,
    "INTEGER": 3,
    "VARCHAR": "ü/'x",
    "DOUBLE": 0.1,
    "BOOLEAN": True,
    "BLOB": b"\x00\xff",
    "JSON": '{"a":[1,null]}',
    "BIGINT[]": [1, 2**40],
    "DOUBLE[]": [0.1, None, float("inf")],
    "VARCHAR[]": ["a", None],
    "MAP(VARCHAR, VARCHAR)": [("line", "A3")],
}


@pytest.fixture
def folder(path: Path) -> Path:
    return Path(f"{path}.archive")


def everything(store: DuckDBStore, table: str) -> pa.Table:
    return store._read(f"SELECT * FROM {table} ORDER BY ALL")


def test_each_table_is_read_as_before_once_its_rows_are_in_files(store: DuckDBStore, folder: Path) -> None:
    types = store._read(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main'"
    )
    for table in ARCHIVED:
        of_table = [row for row in types.to_pylist() if row["table_name"] == table.name]
        row = {each["column_name"]: _VALUES[each["data_type"]] for each in of_table}
        row |= {table.time: at(0), "received_ns": at(0)} | ({"model": "a/b"} if table.by_model else {})
        columns = {name: pa.array([row[name]]) for name in row}
        if "segment" in row:
            columns["segment"] = pa.array([row["segment"]], pa.map_(pa.string(), pa.string()))
        store.submit({table.name: pa.table(columns)}).result(60)
        before = everything(store, table.name)
        assert before.num_rows >= 1
        keep(store, at(9))
        after = everything(store, table.name)
        assert after.schema.types == before.schema.types
        assert after.to_pylist() == before.to_pylist()
        left = store._read(f"SELECT * FROM main.{table.name} WHERE received_ns = {at(0)}")
        assert left.num_rows == 0
    assert {path.parts[0] for path in parquet(folder)} == {t.name for t in ARCHIVED}


def test_only_closed_days_leave_the_database(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(5)])
    keep(store, at(4, 1), archive_after_ns=at(2, 0) - START_NS)
    assert [file.day for file in store.archive.files()] == [date(0), date(1)]
    assert ids(store) == ["p0", "p1", "p2", "p3", "p4"]


def test_rows_that_come_late_gather_for_a_day_and_get_a_file_of_their_own(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction("p", at(0))])
    keep(store, at(3))
    put(store, "predictions", [prediction("late", at(0, 13), received_ns=at(3))])
    keep(store, at(3, 20))
    assert len(store.archive.files()) == 1
    keep(store, at(4, 13))
    assert [file.rows for file in store.archive.files()] == [1, 1]
    assert ids(store) == ["p", "late"]


def test_a_clock_that_runs_ahead_keeps_no_row_in_the_database_for_ever(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction("p", at(10_000), received_ns=at(0))])
    keep(store, at(3))
    assert [file.day for file in store.archive.files()] == [date(0)]
    assert store.predictions("digits", at(10_000), EVER).num_rows == 1


def test_many_files_of_a_day_are_made_one(store: DuckDBStore, folder: Path) -> None:
    for number in range(9):
        put(store, "predictions", [prediction(f"p{number}", at(0, 1 + number))])
        store.archive.move(TABLES["predictions"], date(0), "digits", EVER)
    before = store.predictions("digits", 0, EVER)
    keep(store, at(9))
    assert len(store.archive.files()) == len(parquet(folder)) == 1
    assert store.predictions("digits", 0, EVER).equals(before)


@pytest.mark.parametrize(
    "model", ["", "..", "a/b=c d%", "7", "NULL", "__HIVE_DEFAULT_PARTITION__", "模型", "x" * 200]
)
def test_a_model_may_have_any_name(store: DuckDBStore, folder: Path, model: str) -> None:
    put(store, "predictions", [prediction("p", at(0), model=model)])
    keep(store, at(9))
    assert len(parquet(folder)) == 1
    assert store.predictions(model, 0, EVER).column("model").to_pylist() == [model]


def test_a_name_too_long_for_a_folder_stays_in_the_database(
    store: DuckDBStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, "predictions", [prediction("p", at(0), model="ü" * 200)])
    keep(store, at(9))
    assert not folder.exists()
    assert ids(store, "ü" * 200) == ["p"]
    assert "its name is too long for a folder" in caplog.text


# -- reading -------------------------------------------------------------------------------------------
def test_readers_see_each_row_once_while_files_come_and_go(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction(f"p{number}", at(0)) for number in range(100)])
    seen: list[int] = []
    done, begun = threading.Event(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(store.predictions("digits", 0, EVER).num_rows)
            begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    begun.wait(30)
    keep(store, at(9))
    for _ in range(20):
        (file,) = store.archive.files()
        store.archive.swap([rewritten(store, file, "true")], [file])
    done.set()
    thread.join()
    assert set(seen) == {100}


def test_a_read_that_finds_its_file_replaced_is_repeated(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "predictions", [prediction("p", at(0))])
    keep(store, at(9))
    (file,) = store.archive.files()
    hidden = store.archive.folder / file.place
    hidden.rename(hidden.with_suffix(".away"))
    changes = iter([1, 2, 2])

    def replaced() -> int:
        if (number := next(changes)) == 2:  # between the first attempt and the second
            hidden.with_suffix(".away").rename(hidden) if not hidden.exists() else None
        return number

    monkeypatch.setattr(store, "changes_of_files", replaced)
    assert ids(store) == ["p"]


def test_a_question_about_late_days_opens_no_file_of_earlier_months(store: DuckDBStore) -> None:
    days = range(0, 90, 10)
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in days])
    keep(store, at(120))
    assert len(store.archive.files()) == 9

    def files_read(start_ns: int, end_ns: int) -> int:
        asked = f"SELECT id FROM predictions WHERE time_ns >= {start_ns} AND time_ns < {end_ns}"
        (plan,) = store._read(f"EXPLAIN ANALYZE {asked}").column("explain_value").to_pylist()
        return sum(
            int(line.split("Total Files Read:")[1].split()[0])
            for line in plan.splitlines()
            if "Total Files Read" in line
        )

    assert files_read(at(100), at(200)) == 0
    assert 1 <= files_read(at(80), at(81)) <= 3  # one of them tells the columns, and has no rows


def test_what_tells_the_columns_is_made_anew_at_each_start_whatever_became_of_it(
    store: DuckDBStore, path: Path, folder: Path
) -> None:
    put(store, "predictions", [prediction("p1", at(1)), prediction("p3", at(3))])
    keep(store, at(9))
    (columns,) = (folder / ".columns").rglob("*.parquet")
    store.close()
    columns.write_bytes(b"half a file")
    with closing(DuckDBStore(path)) as again:
        assert ids(again) == ["p1", "p3"]


def test_where_nothing_can_tell_the_columns_the_archive_is_read_without(
    store: DuckDBStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, "predictions", [prediction("p1", at(1))])
    folder.mkdir(exist_ok=True)
    (folder / ".columns").write_text("in the way")
    keep(store, at(9))
    assert ids(store) == ["p1"]
    assert "reads of the archive take longer" in caplog.text


def test_months_of_small_files_are_read_whole_in_little_memory(store: DuckDBStore) -> None:
    for day in range(0, 300, 6):
        put(store, "predictions", [prediction(f"{day}-{number}", at(day)) for number in range(40)])
    keep(store, at(400))
    assert len(store.archive.files()) == 50
    assert len(ids(store)) == 50 * 40


def test_another_engine_reads_the_folder_alone(store: DuckDBStore, folder: Path) -> None:
    models = ["digits", "wine/red"]
    put(store, "predictions", [prediction(f"{m}{day}", at(day), model=m) for m in models for day in range(3)])
    keep(store, at(9))
    data = ds.dataset(folder / "predictions", partitioning="hive")
    found = data.to_table(filter=(ds.field("model") == "wine/red") & (ds.field("day") == date(1))).to_pylist()
    assert [row["id"] for row in found] == ["wine/red1"]
    assert data.count_rows() == 6


def test_a_store_that_was_moved_elsewhere_finds_its_files(
    store: DuckDBStore, path: Path, tmp_path: Path
) -> None:
    put(store, "predictions", [prediction("p", at(0))])
    keep(store, at(9))
    elsewhere = left_behind(path, tmp_path / "a [new] place*")
    (path.with_name(f"{path.name}.archive") / store.archive.files()[0].place).unlink()
    moved = DuckDBStore(elsewhere)
    assert ids(moved) == ["p"]
    moved.close()


def test_a_file_that_is_gone_is_told_and_all_else_is_read(
    path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = DuckDBStore(path)
    put(store, "predictions", [prediction("p", at(0)), prediction("q", at(1))])
    keep(store, at(9))
    first = folder / store.archive.files()[0].place
    store.close()
    first.rename(path.with_name("elsewhere"))
    store = DuckDBStore(path)
    assert ids(store) == ["q"]
    assert f"{first} is not there: its 1 rows are missing" in caplog.text
    store.close()
    path.with_name("elsewhere").rename(first)
    caplog.clear()
    store = DuckDBStore(path)
    assert ids(store) == ["p", "q"]
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    store.close()


def test_files_that_the_database_does_not_name_are_left_alone(path: Path, folder: Path) -> None:
    store = DuckDBStore(path)
    put(store, "predictions", [prediction("p", at(0))])
    keep(store, at(9))
    store.close()
    (file,) = parquet(folder)
    foreign = (folder / file).with_name("mine.parquet")
    shutil.copy(folder / file, foreign)
    store = DuckDBStore(path)
    assert ids(store) == ["p"]
    assert foreign.exists()
    store.close()
