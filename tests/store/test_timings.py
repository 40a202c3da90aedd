"""What is told of the store itself: how long reads take, and what waits in the journal."""

import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.timings import Timings

from tests.store.batches import points


def test_each_named_read_is_timed_under_its_name_and_nothing_else(store: DuckDBStore) -> None:
    assert store.slowest() == []
    store.models()
    store.models()
    with pytest.raises(TypeError):
        store.coverage()  # type: ignore[call-arg]  # one that fails took its time as well
    found = {timing.name: timing for timing in store.slowest()}
    assert {name: timing.count for name, timing in found.items()} == {"models": 2, "coverage": 1}
    assert 0 < found["models"].p50 <= found["models"].p99 <= found["models"].longest


def test_quantiles_are_of_the_latest_and_the_slowest_comes_first() -> None:
    timings = Timings()
    for _ in range(10_000):
        timings.note("old", 100.0)
    for milliseconds in range(1000):
        timings.note("old", milliseconds / 1000)
    timings.note("rare", 2.0)
    rare, old = timings.slowest()
    assert (rare.name, rare.count, rare.longest) == ("rare", 1, 2.0)
    assert (old.count, old.longest) == (11_000, 0.999)
    assert 0.7 < old.p50 < 0.8
    assert old.p99 >= 0.99


def test_what_the_database_cannot_take_waits_and_says_why(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (store.waiting().bytes, store.waiting().oldest_s, store.waiting().fault) == (0, None, None)

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as full:
        full.setattr(store.writer._transactions, "commit", fail)
        store.inbox.submit(points("a", 0, 60, {"7": 1})).result()
        store.settle()
        waiting = store.waiting()
        assert waiting.bytes > 0
        assert waiting.oldest_s is not None
        assert waiting.oldest_s > 0
        assert waiting.fault == "No space left on device"
    while store.waiting().oldest_s is not None:  # it is tried again by itself
        store.settle()
    assert (store.waiting().bytes, store.waiting().fault) == (0, None)
    assert store.models().num_rows == 1
