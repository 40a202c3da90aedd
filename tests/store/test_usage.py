"""What each kind takes, how fast that grows, and how long there is room for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_collector.api.parts import Parts
from driftline_collector.api.retention import keeping, summary
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import DAY_NS, Kind
from driftline_collector.store.retention import Keep, RetentionPolicy
from driftline_collector.store.usage import Space

from tests.store.keeping import HOUR_NS, at, keep, prediction, profile, put


def told(store: DuckDBStore) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in store.keeping().to_pylist()}


def fill(store: DuckDBStore, day: float, rows: int = 2_000) -> None:
    numbers = np.random.default_rng(int(day * 24)).normal(size=(rows, 30)).tolist()
    time_ns = at(0, day * 24)
    put(
        store,
        "predictions",
        [prediction(f"{day}-{n}", time_ns, numbers=row) for n, row in enumerate(numbers)],
    )
    store._read("CHECKPOINT")


def test_what_each_kind_takes_is_told_in_the_database_and_in_the_archive(store: DuckDBStore) -> None:
    fill(store, 0.5)
    put(store, "profiles", [profile(at(9, 1), [1, 2])])
    keep(store, at(9, 2))
    found = told(store)
    samples, profiles = found["samples"], found["profiles"]
    assert (samples["hot_rows"], samples["archived_rows"], samples["files"]) == (0, 2_000, 1)
    assert samples["archived_bytes"] == sum(file.bytes for file in store.archive.files())
    assert samples["oldest_ns"] == at(0)
    assert (profiles["archived_rows"], profiles["files"], profiles["oldest_ns"]) == (0, 0, at(9, 1))
    assert profiles["hot_rows"] == 2  # and its window
    assert found["spans"]["oldest_ns"] is None


def test_growth_and_what_it_leaves_are_told_once_they_are_known(store: DuckDBStore, path: Path) -> None:
    space = Space(path.parent, reserve=10**6)
    parts = Parts(store=store, now=lambda: at(1), space=space, database=path)
    first = keeping(parts)
    assert first is not None
    assert (first.kinds, first.days_left) == ((), None)
    for hour in range(0, 12, 3):
        fill(store, 1 + hour / 24, rows=8_000)
        keep(store, at(1, hour + 1))
        if hour == 0:
            assert told(store)["samples"]["bytes_a_day"] is None
    grown = told(store)["samples"]
    assert grown["rows_a_day"] == pytest.approx(8 * 8_000)
    assert grown["bytes_a_day"] > 8 * 8_000 * 30 * 8 * 0.5
    found = keeping(parts)
    assert found is not None
    assert found.days_left is not None
    room = space.free - space.reserve + store.free_in_database()
    assert found.days_left == pytest.approx(room / grown["bytes_a_day"], rel=0.05)
    assert (found.most_bytes, found.days_until_most) == (None, None)


def test_where_a_limit_comes_before_the_end_of_the_disk_it_is_told_when(
    store: DuckDBStore, path: Path
) -> None:
    for hour in range(0, 12, 3):
        fill(store, 1 + hour / 24, rows=4_000)
        keep(store, at(1, hour + 1))
    growth = told(store)["samples"]["bytes_a_day"]
    limits: dict[Kind, Keep] = {"samples": Keep(most_bytes=told(store)["samples"]["hot_bytes"] + 10**7)}
    policy = RetentionPolicy(most_bytes=path.stat().st_size + 10**9, kinds=limits)
    space = Space(path.parent, reserve=10**6)
    found = keeping(Parts(store=store, now=lambda: at(1), space=space, database=path, retention=policy))
    assert found is not None
    assert found.days_left is None  # the disk does not fill up
    assert found.bytes >= path.stat().st_size
    assert found.days_until_most is not None
    assert found.days_until_most == pytest.approx(10**9 / growth, rel=0.05)
    samples = next(kind for kind in found.kinds if kind.kind == "samples")
    assert samples.most_bytes == limits["samples"].most_bytes
    assert samples.days_left == pytest.approx(10**7 / growth)
    spans = next(kind for kind in found.kinds if kind.kind == "spans")
    assert spans.days_left is None


def test_what_was_dropped_is_counted_and_what_was_summed_is_not_said_to_be(store: DuckDBStore) -> None:
    fill(store, 0.5)
    put(store, "profiles", [profile(at(0) + n * 60 * 10**9, [1]) for n in range(10)])
    policy: dict[str, Any] = {"kinds": {"samples": Keep(age_ns=10 * DAY_NS)}, "hours_after_ns": 20 * DAY_NS}
    keep(store, at(5), **policy)
    before = store.totals()
    keep(store, at(40), **policy)
    found = told(store)
    assert (found["samples"]["dropped_rows"], found["profiles"]["dropped_rows"]) == (2_000, 0)
    assert store._read("SELECT count(*) AS n FROM profiles").to_pylist() == [{"n": 1}]
    # What came since the database was made does not shrink by that.
    assert store.totals() == before


def test_predictions_that_devices_counted_are_counted_still_when_their_windows_are_gone(
    store: DuckDBStore,
) -> None:
    counted = {"feature": "__label__", "kind": "predictions", "category": "7"}
    put(store, "profiles", [profile(at(0), [5], **counted)])
    store._database.cursor().execute("UPDATE main.stream_windows SET received_ns = start_ns")
    assert store.made().to_pylist() == [{"made": 0, "in_doubt": 0, "counted": 5}]
    keep(store, at(5))
    assert store.bounds().to_pylist()[0]["oldest_ns"] == at(0)
    assert store.made().to_pylist() == [{"made": 0, "in_doubt": 0, "counted": 5}]
    keep(store, at(40), kinds={"profiles": Keep(age_ns=10 * DAY_NS)})
    assert store._read("SELECT * FROM stream_windows").num_rows == 0
    assert store.made().to_pylist() == [{"made": 0, "in_doubt": 0, "counted": 5}]


def test_how_long_things_are_kept_is_said_in_words() -> None:
    assert summary(RetentionPolicy()) == "kept for good: nothing is deleted"
    policy = RetentionPolicy(kinds={"samples": Keep(age_ns=365 * DAY_NS), "spans": Keep(age_ns=36 * HOUR_NS)})
    assert summary(policy) == (
        "evaluations for good, profiles for good, samples 365 days, metrics for good, logs for good,"
        " spans 1.5 days"
    )
