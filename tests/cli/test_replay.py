"""`driftline drift --replay` plays a user's own data through the live rules, and counts what rings."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.replay import interval
from driftline_collector.store.base import Store
from driftline_collector.store.duckdb import DuckDBStore
from pyarrow import parquet

from benchmarks._simulated_fleet import MODEL, Fleet, Move
from tests.api.serving import serving
from tests.cli.command import driftline, here

SMALL = Fleet(types=2, regions=2, features=2, seed=3)
#: Every second hour of this one is another world.
TWO_WORLDS = replace(SMALL, moves=(Move(cells=range(4), features=(0,), by=1.0),))
#: The first line is cells 0 to 3, the second one 4 to 7.
LINES = replace(SMALL, own={"line": 2})
EVER = ("--from", "2026-01-01T00:00:00Z")


def fill(store: Store, hours: int, odd: Fleet = SMALL) -> None:
    store.submit({"model_references": odd.references()}).result(30)
    for hour in range(hours):
        fleet = odd if hour % 2 else replace(odd, moves=())
        store.submit({"profiles": fleet.hour(hour)}).result(30)


def replayed(tmp_path: Path, hours: int, odd: Fleet = SMALL, run: Any = here) -> dict[str, Any]:
    file = tmp_path / "driftline.duckdb"
    store = DuckDBStore(file)
    fill(store, hours, odd)
    store.close()
    done = run("drift", "--replay", MODEL, *EVER, "--database", file, "--json")
    assert not done.stderr
    return {**json.loads(done.stdout), "status": done.returncode}


def test_half_of_the_windows_are_judged_against_the_other_half(tmp_path: Path) -> None:
    ledger = replayed(tmp_path, 6, run=driftline)
    assert ledger["windows"] == 3
    assert ledger["weeks"] == pytest.approx(3 / 168)
    assert ledger["tests"] == 3 * ledger["segments"] * 2
    assert (ledger["incidents"], ledger["observed"], ledger["promised"]) == ([], 0, 1)
    assert ledger["at_most"] == pytest.approx(3.0 / (3 / 168), rel=0.01), "the rule of three"
    assert (ledger["answer"], ledger["status"]) == ("open", 0)


def test_every_second_day_is_held_out_where_there_are_days(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "driftline.duckdb")
    store.submit({"model_references": SMALL.references()}).result(30)
    for hour in (3, 27, 51, 75, 99):
        store.submit({"profiles": SMALL.hour(hour)}).result(30)
    store.close()
    file = tmp_path / "driftline.duckdb"
    done = here("drift", "--replay", MODEL, *EVER, "--database", file, "--json")
    assert json.loads(done.stdout)["windows"] == 2


def test_what_rings_is_named_and_a_promise_that_is_broken_is_an_exit_status(tmp_path: Path) -> None:
    ledger = replayed(tmp_path, 6, TWO_WORLDS)
    (incident,) = ledger["incidents"]
    assert incident["segment"] == f"model={MODEL},version=*,device_type=*,region=*"
    assert incident["features"] == ["x00"]
    assert ledger["at_least"] > ledger["promised"]
    assert (ledger["answer"], ledger["status"]) == ("broken", 1)


def test_segments_of_ones_own_are_replayed_as_they_are_judged(tmp_path: Path) -> None:
    """Where one of two lines changes each hour, that line rings."""
    ledger = replayed(tmp_path, 6, replace(LINES, moves=(Move(cells=range(4, 8), features=(0,), by=1.0),)))
    (incident,) = ledger["incidents"]
    assert incident["segment"] == f"model={MODEL},version=*,device_type=*,region=*,segment.line=line-01"


def test_a_running_collector_is_asked_and_people_get_a_table(tmp_path: Path) -> None:
    with serving(tmp_path) as collector:
        fill(collector.collector._store, 4)
        done = here("drift", "--replay", MODEL, *EVER, "--url", collector.url)
    assert done.returncode == 0, done.stderr
    assert f"2 windows of {MODEL} replayed" in done.stdout
    observed = next(line for line in done.stdout.splitlines() if line.startswith("observed"))
    assert observed.split() == ["observed", "0", "0", f"{interval(0, 2 / 168)[1]:.2g}"]
    assert "replay more of it" in done.stdout


def test_rows_of_a_file_are_dealt_to_a_fleet(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    columns = {
        "id": np.arange(2000),
        "size": np.where(rng.random(2000) < 0.1, np.nan, rng.exponential(size=2000)),
        "kind": rng.choice(["a", "b", ""], size=2000),
    }
    file = tmp_path / "train.parquet"
    parquet.write_table(pa.table(columns), file)
    done = here("drift", "--replay", "sizes", "--rows", file, "--exclude", "id", "--weeks", "0.02", "--json")
    ledger = json.loads(done.stdout)
    assert (ledger["model"], ledger["windows"], ledger["incidents"]) == ("sizes", 3, [])
    assert ledger["tests"] == 3 * ledger["segments"] * 2, "two features: no id"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--rows", "train.csv"], 2, "go with --replay"),
        (["--replay", "m", "--rows", "few.csv"], 1, "2 rows are too few to be halved"),
        (["--replay", "m", "--rows", "few.csv", "--exclude", "b"], 1, "there is no column 'b'"),
        (["--replay", "m", "--from", "soon", "--database", "none.duckdb"], 2, "'soon' is no time"),
        (["--replay", "m", "--database", "empty.duckdb"], 1, "'m' has sent no profile"),
    ],
)
def test_what_cannot_be_replayed_is_said(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    (tmp_path / "few.csv").write_text("a\n1\n2\n")
    DuckDBStore(tmp_path / "empty.duckdb").close()
    done = here("drift", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stderr.replace("│", "").replace("\n", " ")


def test_a_rate_has_an_interval_that_grows_with_what_was_seen_and_shrinks_with_time() -> None:
    assert interval(0, 4.0) == pytest.approx((0, 0.749), abs=1e-3)
    low, high = interval(10, 1.0)
    assert (low, high) == pytest.approx((5.425, 16.962), abs=1e-3)  # Garwood 1936, table
    assert interval(3, 0.0) == (0.0, float("inf"))
