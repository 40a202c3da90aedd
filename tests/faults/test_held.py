"""A store that another process holds: told with its id, nothing is touched, and it goes on afterwards."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store.duckdb import DuckDBStore

from tests.end_to_end.running import wait_until
from tests.store.batches import predictions

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@contextmanager
def holding(database: Path) -> Iterator[int]:
    """Somebody else has the file open within this block; the process's id."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.communicate()


def test_a_store_that_is_held_names_the_process_and_opens_once_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "driftline.duckdb"
    DuckDBStore(path).close()
    with holding(path) as other, pytest.raises(StoreError, match=f"process {other} .* holds this database"):
        DuckDBStore(path)
    DuckDBStore(path).close()


def test_what_is_accepted_while_another_process_holds_the_database_is_taken_in_afterwards(
    tmp_path: Path,
) -> None:
    """It can get hold of it only while it is opened anew, after a fault."""
    path = tmp_path / "driftline.duckdb"
    store = DuckDBStore(path)
    store.inbox.submit(predictions("a", [1])).result(30)
    store.settle()
    store._database.close()
    with holding(path) as other:
        store.inbox.submit(predictions("a", [2])).result(30)
        store.settle()
        wait_until(lambda: f"process {other} " in str(store.writer.waiting().fault))
    assert store.writer.wait_for_room(0, 60)
    assert store.predictions("digits", 0, 10).column("sequence").to_pylist() == [1, 2]
    store.close()
