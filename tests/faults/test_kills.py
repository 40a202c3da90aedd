"""kill -9 at random instants under load: what was acknowledged is there, once."""

import random
import shutil
import time
from pathlib import Path

import pytest
from driftline_collector.store.duckdb import DuckDBStore

from tests.end_to_end.running import RunningCollector
from tests.faults.senders import Load, check, one_of_each


def kill_often(folder: Path, kills: int, seed: int, opened: list[tuple[float, float]] | None = None) -> int:
    """Kill a collector under load so often, then hold its store to what was acknowledged; how much that is.

    With `opened`, seconds are added that it takes to open what each kill has left.
    """
    rng = random.Random(seed)
    senders = one_of_each(size=100)
    for _ in range(kills):
        collector = RunningCollector(folder)
        with Load(senders, collector.url):
            senders[0].wait_for(rng.randrange(8))
            time.sleep(rng.uniform(0.0, 0.4))  # any instant will do
            collector.kill()
        if opened is not None:
            opened.append(seconds_to_open(folder))
    collector = RunningCollector(folder)
    assert collector.stop() == 0
    check(senders, Path(collector.facts["database"]))
    return sum(sender.acknowledged for sender in senders)


def seconds_to_open(folder: Path) -> tuple[float, float]:
    """By the clock and of CPU, for a copy of the store with what waits in its journal."""
    copy = folder / "copy"
    copy.mkdir()
    for path in folder.glob("driftline.duckdb*"):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / path.name)
    start, used = time.perf_counter(), time.process_time()
    store = DuckDBStore(copy / "driftline.duckdb")
    taken = time.perf_counter() - start, time.process_time() - used
    store.close()
    shutil.rmtree(copy)
    return taken


def test_what_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path) -> None:
    assert kill_often(tmp_path, 2, seed=20) > 0


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_what_was_acknowledged_before_each_of_a_hundred_kills_is_there_once(tmp_path: Path) -> None:
    opened: list[tuple[float, float]] = []
    start = time.perf_counter()
    acknowledged = kill_often(tmp_path, 100, seed=21, opened=opened)
    seconds, used = (sorted(column) for column in zip(*opened, strict=True))
    print(
        f"\n100 kills, {acknowledged:,} records acknowledged, all there once; "
        f"{time.perf_counter() - start:.0f} s in all; seconds to open the store, with its journal: "
        f"median {seconds[50]:.2f}, most {seconds[-1]:.2f}; of CPU {used[50]:.2f} and {used[-1]:.2f}"
    )
