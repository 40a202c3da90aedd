"""Sums over all there ever was, brought up to date; and holes in the chain of windows."""

import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from driftline_collector.store import transaction
from driftline_collector.store.duckdb import DuckDBStore

from tests.store.batches import points

Place = tuple[str, int, int, int]


def places(store: DuckDBStore) -> list[Place]:
    rows = store.catalogue().to_pylist()
    return [(row["region"], row["first_ns"], row["last_ns"], row["predictions"]) for row in rows]


def test_what_comes_after_a_look_is_added_once(store: DuckDBStore) -> None:
    assert places(store) == []
    store.writer.submit(points("a", 60, 120, {"7": 2})).result(60)
    assert places(store) == places(store) == [("eu", 60, 120, 2)]
    # Late, of another stream, and of a new place.
    store.writer.submit(points("b", 0, 60, {"7": 3})).result(60)
    store.writer.submit(points("c", 120, 180, {"7": 4}, region="as")).result(60)
    assert places(store) == places(store) == [("as", 120, 180, 4), ("eu", 0, 120, 5)]


def test_what_comes_when_the_clock_was_set_back_is_not_missed(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.writer.submit(points("a", 0, 60, {"7": 2})).result(60)
    assert places(store) == [("eu", 0, 60, 2)]
    earlier = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(transaction, "time", SimpleNamespace(time_ns=lambda: earlier))
    store.writer.submit(points("a", 60, 120, {"7": 1})).result(60)
    assert places(store) == [("eu", 0, 120, 3)]


@pytest.mark.parametrize(
    ("windows", "holes"),
    [
        ([(0, 60), (60, 120)], 0),
        ([(60, 120), (0, 60)], 0),
        ([(0, 60), (70, 130), (130, 190), (200, 260)], 20),
        ([(0, 60), (60, 120), (60, 120)], 0),
        ([(0, 120), (60, 180), (190, 250)], 10),
    ],
)
def test_a_hole_is_where_a_window_begins_and_none_has_ended(
    store: DuckDBStore, windows: Sequence[tuple[int, int]], holes: int
) -> None:
    for start, end in windows:
        store.writer.submit(points("a", start, end, {"7": 1})).result(60)
    (row,) = store.coverage(0, 1 << 62).to_pylist()
    assert row["window_holes_ns"] == holes
    assert row["last_end_ns"] == max(end for _, end in windows)
