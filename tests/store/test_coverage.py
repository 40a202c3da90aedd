"""Coverage: predictions that came ÷ predictions that were made, by whatever devices have in common."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.store.batch import Batch
from driftline_collector.store.coverage import KEYS
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.shown import Where

from tests.store.batches import SOURCE, points

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE


def take(store: DuckDBStore, *batches: Batch) -> None:
    for batch in batches:
        store.inbox.submit(batch).result()


def minutes(stream: str, which: Sequence[int], made: int = 10, **columns: Any) -> list[Batch]:
    """Windows of a minute each."""
    return [points(stream, i * MINUTE, (i + 1) * MINUTE, {"7": made}, **columns) for i in which]


def say(store: DuckDBStore, stream: str, phase: str, time_ns: int, **columns: Any) -> None:
    row = SOURCE | {"time_ns": time_ns, "stream": stream, "phase": phase} | columns
    schema = store._read("SELECT * FROM stream_events LIMIT 0").schema
    table = pa.Table.from_pylist([row], schema=schema).drop_columns(["received_ns"])
    store.submit({"stream_events": table}).result()


def told(store: DuckDBStore, *keys: str, **where: Any) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Keys → received and lost."""
    rows = store.coverage_by(Where(**({"end_ns": 100 * HOUR} | where)), keys).to_pylist()
    return {tuple(row[key] for key in keys): (row["received"], row["lost"]) for row in rows}


def test_what_came_and_what_is_lost_is_told_by_each_dimension(store: DuckDBStore) -> None:
    take(store, *minutes("a", [0, 1, 2, 4]))  # a hole of a minute at 10 predictions a minute
    take(store, *minutes("b", [0, 1], made=100, device="cam-2", device_type="camera-b", region="us"))
    take(store, *minutes("c", [0], made=7, device="cam-2", device_type="camera-b", region="us", version="2"))
    assert told(store) == {(): (247, 10)}
    assert told(store, "device") == {("cam-1",): (40, 10), ("cam-2",): (207, 0)}
    assert told(store, "region") == {("eu",): (40, 10), ("us",): (207, 0)}
    assert told(store, "device_type", "version") == {
        ("camera-a", "1"): (40, 10),
        ("camera-b", "1"): (200, 0),
        ("camera-b", "2"): (7, 0),
    }
    assert told(store, "device", region="us") == {("cam-2",): (207, 0)}


def test_of_a_stream_that_is_over_it_is_known_what_it_made(store: DuckDBStore) -> None:
    say(store, "a", "start", 0)
    take(store, *minutes("a", [0, 1, 3]))
    assert told(store, "stream") == {("a",): (30, 10)}  # an estimate
    say(store, "a", "closed", 9 * MINUTE, made=75, profiled=60)
    assert told(store, "stream") == {("a",): (30, 45)}  # 15 never profiled, 30 profiled and never here
    assert told(store, "hour") == {(0,): (30, 45)}


def test_a_stream_of_which_nothing_came_is_known_by_its_end(store: DuckDBStore) -> None:
    say(store, "a", "closed", HOUR, made=20, profiled=5)
    assert told(store, "device") == {("cam-1",): (0, 15)}
    assert told(store, "device", start_ns=2 * HOUR) == {}


def test_what_is_lost_lies_in_the_hours_of_the_holes_and_the_rest_at_the_end(store: DuckDBStore) -> None:
    say(store, "a", "start", 0)
    take(store, *minutes("a", [*range(30), *range(150, 180)]))  # a hole from 0:30 to 2:30
    by_hour = told(store, "hour")
    assert by_hour == {(0,): (300, 300), (HOUR,): (0, 600), (2 * HOUR,): (300, 300)}
    say(store, "a", "end", 3 * HOUR, made=1000, profiled=990)
    by_hour = told(store, "hour")  # it made less in the hole than elsewhere
    assert by_hour == {(0,): (300, 100), (HOUR,): (0, 200), (2 * HOUR,): (300, 100)}
    say(store, "a", "end", 3 * HOUR, made=1850, profiled=1850)
    assert told(store, "hour")[3 * HOUR,] == (0, 50)
    assert told(store) == {(): (600, 1250)}


def test_a_part_of_a_streams_life_is_not_measured_by_its_whole(store: DuckDBStore) -> None:
    say(store, "a", "start", 0)
    take(store, *minutes("a", range(180)))
    say(store, "a", "end", 3 * HOUR, made=1800, profiled=1800)
    assert told(store, start_ns=HOUR) == {(): (1200, 0)}
    assert told(store, end_ns=2 * HOUR) == {(): (1200, 0)}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_sums_to_the_same(store: DuckDBStore, key: str) -> None:
    take(store, *minutes("a", [0, 1, 2, 4]), *minutes("b", [0, 90], device="cam-2", region="us"))
    parts = told(store, key).values()
    assert (sum(r for r, _ in parts), sum(lost for _, lost in parts)) == told(store)[()] == (60, 900)


def test_windows_without_a_stream_and_absurd_ones_break_nothing(store: DuckDBStore) -> None:
    take(store, points(None, 0, MINUTE, {"7": 5}), points("a", 0, 0, {"7": 5}), *minutes("a", [3]))
    say(store, "x", "end", 0, made=2**48, profiled=0)
    assert told(store, "stream")["x",] == (0, 2**48)
    assert told(store, "hour") == {(0,): (10, 2**48)}
