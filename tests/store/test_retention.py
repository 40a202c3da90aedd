"""What is kept and for how long: by age, by size; profiles summed over hours and days, to the last count."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.store.base import Selection
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import DAY_NS
from driftline_collector.store.retention import Keep, RetentionPolicy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.batches import SOURCE, points
from tests.store.keeping import HOUR_NS, MINUTE_NS, at, date, ids, keep, prediction, profile, put

MERGING = {"hours_after_ns": 30 * DAY_NS, "days_after_ns": 90 * DAY_NS}


def counted(store: DuckDBStore, width_ns: int = DAY_NS) -> Counter[tuple[Any, ...]]:
    """What is counted in each span of that length, bin by bin."""
    rows = store._read(
        "SELECT start_ns - start_ns % $width AS time, model, version, device, device_type, region, tier,"
        " firmware, CAST(segment AS VARCHAR) AS segment, binning, feature, kind, category, bounds, counts"
        " FROM profiles",
        {"width": width_ns},
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows.to_pylist():
        counts, bounds = row.pop("counts"), tuple(row.pop("bounds") or ())
        for bin_, count in enumerate(counts):
            found[*row.values(), bounds, len(counts), bin_] += count or 0
    return found


def windows(store: DuckDBStore) -> list[tuple[int, int]]:
    rows = store._read("SELECT start_ns, end_ns FROM profiles ORDER BY ALL").to_pylist()
    return [(row["start_ns"], row["end_ns"]) for row in rows]


# -- summing -------------------------------------------------------------------------------------------
def test_old_profiles_become_hours_and_then_days(store: DuckDBStore) -> None:
    put(
        store,
        "profiles",
        [profile(at(0, hour) + n * MINUTE_NS, [1, n]) for hour in (3, 4) for n in range(60)],
    )
    keep(store, at(10), **MERGING)
    assert len(windows(store)) == 120
    before = counted(store)
    keep(store, at(31, 1), **MERGING)
    assert windows(store) == [(at(0, hour), at(0, hour + 1)) for hour in (3, 4)]
    assert counted(store) == before
    keep(store, at(91, 1), **MERGING)
    assert windows(store) == [(at(0, 0), at(1, 0))]
    assert counted(store) == before
    (row,) = store.device_counts("digits", at(0, 0), at(1, 0)).to_pylist()
    assert row["counts"] == [120, 2 * sum(range(60))]


_DIMENSIONS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["digits", "wine"]),
        "device": st.sampled_from(["cam-1", "cam-2"]),
        "firmware": st.sampled_from([None, "1.0"]),
        "binning": st.sampled_from([None, "b"]),
        "kind": st.sampled_from(["numeric", "category", "missing"]),
        "category": st.sampled_from([None, "7"]),
        "bounds": st.sampled_from([None, [0.5], [0.5, 1.5]]),
        "counts": st.lists(st.integers(0, 2**62), max_size=3)
        | st.lists(st.integers(0, 100), min_size=2, max_size=2),
        "exponential": st.sampled_from([None, None, None, '{"scale": 3}']),
        "start_ns": st.integers(0, 2 * DAY_NS // MINUTE_NS).map(lambda minute: at(0, 0) + minute * MINUTE_NS)
        | st.integers(at(0, 0), at(2, 0)),
        "length": st.sampled_from([MINUTE_NS, 300 * 10**9, HOUR_NS, 7]),
        "late": st.integers(-HOUR_NS, DAY_NS),
    }
)


def _row(drawn: dict[str, Any]) -> dict[str, Any]:
    end_ns = drawn["start_ns"] + drawn["length"]
    told = {name: value for name, value in drawn.items() if name not in ("length", "late")}
    segment = [("line", "A3")] if drawn["device"] == "cam-1" else None
    return (
        SOURCE
        | {"feature": "x", "segment": segment, "end_ns": end_ns}
        | told
        | {"received_ns": end_ns + drawn["late"]}
    )


def _put(store: DuckDBStore, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    typed = {name: pa.array(values) for name, values in columns.items()}
    typed["stream"] = pa.nulls(len(rows), pa.string())
    typed["segment"] = pa.array(columns["segment"], pa.map_(pa.string(), pa.string()))
    store.submit({"profiles": pa.table(typed)}).result(60)


def _summing_keeps_counts(examples: int, folder: Callable[[str], Path]) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(
        early=st.lists(_DIMENSIONS, min_size=1, max_size=30),
        late=st.lists(_DIMENSIONS, max_size=5),
        ages=st.lists(st.sampled_from([8, 40, 60, 100, 200]), min_size=1, max_size=3),
    )
    def holds(early: list[dict[str, Any]], late: list[dict[str, Any]], ages: list[int]) -> None:
        with closing(DuckDBStore(folder("summed") / "driftline.duckdb")) as store:
            # Without a stream nothing is dropped as a repeat: all of it counts.
            _put(store, [_row(drawn) for drawn in early])
            expected = counted(store)
            for age in sorted(ages):
                keep(store, at(age), **MERGING)
                assert counted(store) == expected
                if late:
                    _put(store, [_row(drawn) | {"received_ns": at(age)} for drawn in late])
                    expected = counted(store)
            keep(store, at(300), **MERGING)
            assert counted(store) == expected

    holds()


def test_no_count_changes_however_often_profiles_are_summed_and_whatever_comes_in_between(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    _summing_keeps_counts(5, tmp_path_factory.mktemp)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_count_changes_in_a_hundred_histories(tmp_path_factory: pytest.TempPathFactory) -> None:
    _summing_keeps_counts(100, tmp_path_factory.mktemp)


def test_windows_that_are_not_evaluated_are_not_summed_with_those_that_are(store: DuckDBStore) -> None:
    ahead = profile(at(0, 3), [5], received_ns=at(0, 2), stream="t")
    put(store, "profiles", [ahead, profile(at(0, 3), [1]), profile(at(0, 3) + MINUTE_NS, [2])])
    keep(store, at(40), **MERGING)
    tolerated = store.device_counts("digits", at(0, 3), at(0, 4), 300 * 10**9).to_pylist()
    assert [row["counts"] for row in tolerated] == [[3]]
    assert sum(counted(store).values()) == 8


@pytest.mark.parametrize(
    "odd",
    [
        {"start_ns": -7, "end_ns": 5, "received_ns": 9},
        {"start_ns": 2**63 - 10, "end_ns": 2**63 - 1},
        {"start_ns": at(0, 3) + 5 * MINUTE_NS, "end_ns": -(2**63) + 9},
        {"counts": [1] * 300},
        {"counts": [2**62]},
        {"counts": [-1]},
        {"counts": []},
        {"counts": [None]},
        {"exponential": '{"scale": 3}'},
    ],
    ids="-".join,
)
def test_what_cannot_be_summed_stays_beside_what_can(store: DuckDBStore, odd: dict[str, Any]) -> None:
    even = [profile(at(0, 3) + n * MINUTE_NS, [n], exponential=None) for n in range(3)]
    put(store, "profiles", [*even, even[0] | {"stream": "odd"} | odd])
    before = counted(store, 1 << 62)
    keep(store, at(40), **MERGING)
    keep(store, at(100), **MERGING)
    assert counted(store, 1 << 62) == before
    assert store._read("SELECT * FROM profiles").num_rows == 2
    assert sum(file.rows for file in store.archive.files("profiles")) == 2


@pytest.mark.parametrize("at_once", [1, 3, 250_000])
def test_profiles_are_summed_alike_however_many_are_summed_at_once(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("driftline_collector.store.merging._AT_ONCE", at_once)
    features = ("y", "x")
    put(
        store,
        "profiles",
        [
            profile(at(0, hour) + n * MINUTE_NS, [n], feature=feature)
            for feature in features
            for hour in (1, 2, 3, 9)
            for n in range(4)
        ],
    )
    keep(store, at(40), **MERGING)
    (file,) = store.archive.files("profiles")
    found = store._read(store.archive.scan(file)).to_pylist()
    assert [row["counts"] for row in found] == [[6]] * 8
    hours = sorted((row["start_ns"], row["feature"]) for row in found)
    assert hours == sorted((at(0, hour), feature) for hour in (1, 2, 3, 9) for feature in features)


def test_a_window_that_crosses_two_hours_stays_as_it_is(store: DuckDBStore) -> None:
    put(store, "profiles", [profile(at(0, 3.99), [1]), profile(at(0, 3.5), [2])])
    keep(store, at(40), **MERGING)
    assert windows(store) == [(at(0, 3), at(0, 4)), (at(0, 3.99), at(0, 3.99) + MINUTE_NS)]


def test_what_was_summed_is_still_known_when_it_comes_again(store: DuckDBStore) -> None:
    start = time.time_ns() // HOUR_NS * HOUR_NS - HOUR_NS

    def minute(number: int, label: str) -> Any:
        return points("s", start + number * MINUTE_NS, start + (number + 1) * MINUTE_NS, {label: 3})

    for number in (0, 1, 3):
        store.writer.submit(minute(number, "7")).result(60)
    keep(store, time.time_ns() + 40 * DAY_NS, **MERGING)
    assert windows(store) == [(start, start + HOUR_NS)]
    for number in (0, 1, 2, 3):  # a window that never came is among them
        store.writer.submit(minute(number, "7")).result(60)
    store.writer.submit(minute(2, "8")).result(60)  # the rest of it
    store.writer.submit(minute(2, "8")).result(60)
    by_label = Counter({key[12]: count for key, count in counted(store).items()})
    assert by_label == {"7": 12, "8": 3}
    assert store.totals()["repeated"] == 4


# -- what goes -----------------------------------------------------------------------------------------
def test_a_kind_is_kept_for_as_long_as_is_set_and_what_goes_is_written_down(
    store: DuckDBStore, path: Path
) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(4)])
    put(store, "spans", [{"start_ns": at(0), "end_ns": at(0), "received_ns": at(0)}])
    keep(store, at(11, 1), kinds={"samples": Keep(age_ns=10 * DAY_NS)})
    keep(store, at(11, 1), kinds={"samples": Keep(age_ns=10 * DAY_NS)})
    assert ids(store) == ["p1", "p2", "p3"]
    (gone,) = store._read("SELECT * FROM retention_log").to_pylist()
    assert (gone["kind"], gone["table_name"], gone["day"]) == ("samples", "predictions", date(0))
    assert (gone["reason"], gone["rows"]) == ("age", 1)
    assert gone["bytes"] > 0
    assert store._read("SELECT * FROM spans").num_rows == 1
    assert not list(Path(f"{path}.archive").glob(f"predictions/day={date(0)}"))


def test_what_came_late_is_kept_as_long_from_its_receipt(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction("late", at(0), received_ns=at(30))])
    policy: dict[str, Any] = {"kinds": {"samples": Keep(age_ns=10 * DAY_NS)}}
    keep(store, at(32), **policy)
    keep(store, at(39), **policy)
    assert ids(store) == ["late"]
    keep(store, at(41), **policy)
    assert ids(store) == []


def test_the_oldest_days_of_a_kind_go_first_where_it_takes_too_much(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(4)])
    put(store, "labels", [{"prediction_id": "p0", "time_ns": at(0), "received_ns": at(0)}])
    put(store, "profiles", [profile(at(0), [1])])
    keep(store, at(9))
    sizes = {file.day: file.bytes for file in store.archive.files("predictions")}
    limit = sizes[date(2)] + sizes[date(3)]
    keep(store, at(9), kinds={"samples": Keep(most_bytes=limit)})
    assert ids(store) == ["p2", "p3"]
    assert store._read("SELECT * FROM labels").num_rows == 0
    assert store._read("SELECT * FROM profiles").num_rows == 1
    reasons = store._read("SELECT DISTINCT reason FROM retention_log").to_pylist()
    assert reasons == [{"reason": "size"}]


def taken(store: DuckDBStore, path: Path) -> int:
    """Bytes of all files of the store, as the disk has them."""
    own = [
        path,
        Path(f"{path}.wal"),
        *Path(f"{path}.journal").glob("*"),
        *Path(f"{path}.archive").glob("[!.]*/**/*"),
    ]
    return sum(file.stat().st_size for file in own if file.is_file())


def fill_all_kinds(store: DuckDBStore, days: int = 4) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(days)])
    put(store, "profiles", [profile(at(day), [1]) for day in range(days)])
    put(store, "spans", [{"start_ns": at(d), "end_ns": at(d), "received_ns": at(d)} for d in range(days)])
    put(store, "logs", [{"time_ns": at(day), "received_ns": at(day)} for day in range(days)])
    gauge = {"name": "load", "kind": "gauge", "stream": "s"}
    times = [{"start_ns": at(day), "time_ns": at(day), "received_ns": at(day)} for day in range(days)]
    put(store, "metrics", [gauge | each for each in times])
    keep(store, at(days + 5))


def left(store: DuckDBStore) -> dict[str, list[str]]:
    """By kind, the closed days that are there."""
    days: dict[str, set[str]] = {}
    for file in store.archive.files():
        days.setdefault(file.table.kind, set()).add(file.day)
    return {kind: sorted(found) for kind, found in days.items()}


def test_where_the_store_takes_too_much_the_least_dear_kinds_go_first_and_profiles_last(
    store: DuckDBStore, path: Path
) -> None:
    fill_all_kinds(store)
    order = []
    before = left(store)
    while store.archive.files():
        keep(store, at(9), most_bytes=taken(store, path) - 1)
        after = left(store)
        for kind, days in before.items():
            gone = [day for day in days if day not in after.get(kind, [])]
            order += [(kind, day) for day in gone]
        before = after
    kinds = ("spans", "logs", "metrics", "samples", "profiles")
    assert order == [(kind, date(day)) for kind in kinds for day in range(4)]
    log = store._read("SELECT reason, CAST(sum(rows) AS BIGINT) AS rows FROM retention_log GROUP BY reason")
    assert log.to_pylist() == [{"reason": "total", "rows": 4 * 6}]  # windows are a table of their own
    keep(store, at(9), most_bytes=1)  # nothing is left that could go, and nothing fails


def test_a_store_that_takes_no_more_than_it_may_loses_nothing(store: DuckDBStore, path: Path) -> None:
    fill_all_kinds(store)
    keep(store, at(9), most_bytes=taken(store, path))
    assert left(store).keys() == {"spans", "logs", "metrics", "samples", "profiles"}
    assert store._read("SELECT * FROM retention_log").num_rows == 0


def test_as_many_days_go_at_once_as_are_needed(store: DuckDBStore, path: Path) -> None:
    fill_all_kinds(store)
    by_kind: Counter[str] = Counter()
    for file in store.archive.files():
        by_kind[file.table.kind] += file.bytes
    spans_and_a_log = by_kind["spans"] + 1
    keep(store, at(9), most_bytes=taken(store, path) - spans_and_a_log)
    found = left(store)
    assert "spans" not in found
    assert found["logs"] == [date(1), date(2), date(3)]
    assert len(found["metrics"]) == 4


def test_nothing_goes_for_a_log_that_grows_while_a_backup_is_read(store: DuckDBStore) -> None:
    fill_all_kinds(store)
    files = store.archive.files()
    with closing(store.backup()) as backup:
        assert sum(map(len, backup.chunks())) > 0
        keep(store, at(9), most_bytes=1)
        assert store.archive.files() == files
    keep(store, at(9), most_bytes=1)
    assert store.archive.files() == []


def test_what_may_still_be_judged_again_does_not_go_for_its_size(store: DuckDBStore) -> None:
    fill_all_kinds(store)
    small: dict[str, Any] = {"most_bytes": 1, "kinds": {"samples": Keep(most_bytes=1)}}
    keep(store, at(9), history_ns=7 * DAY_NS, **small)
    assert left(store) == {kind: [date(2), date(3)] for kind in ("samples", "profiles")}
    reasons = store._read("SELECT DISTINCT kind, reason FROM retention_log WHERE kind = 'samples'")
    assert reasons.to_pylist() == [{"kind": "samples", "reason": "size"}]


def test_evaluations_go_by_age(store: DuckDBStore) -> None:
    told = {"revision": 0, "model": "digits", "segment": "model=digits", "measure": "drift", "finding": False}
    put(
        store,
        "evaluations",
        [
            told | {"evaluated_ns": at(day), "window_start_ns": at(day), "window_end_ns": at(day)}
            for day in (0, 5)
        ],
    )
    keep(store, at(12), kinds={"evaluations": Keep(age_ns=10 * DAY_NS)})
    assert store.evaluations(Selection()).column("window_end_ns").to_pylist() == [at(5)]
    (gone,) = store._read("SELECT day, reason, rows FROM retention_log").to_pylist()
    assert gone == {"day": date(0), "reason": "age", "rows": 1}


def test_room_in_the_file_is_used_again(store: DuckDBStore, path: Path) -> None:
    numbers = np.random.default_rng(7).normal(size=(3_000, 60)).tolist()

    def fill(day: int) -> None:
        rows = [prediction(f"{day}-{n}", at(day), numbers=row) for n, row in enumerate(numbers)]
        put(store, "predictions", rows)
        keep(store, at(day + 1, 1), archive_after_ns=1)
        store._read("CHECKPOINT")

    fill(0)
    fill(1)
    after_two = path.stat().st_size
    for day in range(2, 6):
        fill(day)
    assert path.stat().st_size <= after_two * 1.5
    assert store._read("SELECT count(*) AS n FROM predictions").to_pylist() == [{"n": 18_000}]


def test_retention_ends_between_two_steps_when_it_is_told_to(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(4)])
    asked = iter([False, False, True])
    retention = store.retention(RetentionPolicy(), now=lambda: at(9), stopping=lambda: next(asked))
    retention.tick()
    retention.close()
    assert len(store.archive.files()) == 2
    assert ids(store) == ["p0", "p1", "p2", "p3"]


def test_a_step_that_fails_leaves_everything_as_it_was_and_is_done_the_next_time(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "predictions", [prediction("p", at(0))])

    def full(*_: Any) -> None:
        raise duckdb.IOException("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("driftline_collector.store.archive_files._described", full)
        with pytest.raises(duckdb.IOException):
            keep(store, at(9))
    assert store.archive.files() == []
    assert ids(store) == ["p"]
    keep(store, at(9))
    assert len(store.archive.files()) == 1
    assert ids(store) == ["p"]


def test_no_checkpoint_is_made_while_a_backup_is_read(store: DuckDBStore) -> None:
    put(store, "predictions", [prediction("p", at(0))])
    with closing(store.backup()) as backup:
        keep(store, at(9))
        # It says so itself where one was made.
        assert sum(map(len, backup.chunks())) > 0
    assert len(store.archive.files()) == 1
    assert ids(store) == ["p"]
