"""A purge that is killed at any step is done or not done, and leaves nothing lying about."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import ARCHIVED

from tests.store.test_purge import ALL, DAY, NONE, fill, left

#: A purge in a process of its own, which ends as by kill -9 when it comes to a step for the n-th time.
_KILLED = """
import os, sys
from driftline_collector.store import archive, purge
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.scopes import Scope

path, owner, step, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
store = DuckDBStore(path)
holder = {"archive": archive, "purge": purge, "Archive": archive.Archive, "Purge": purge.Purge}[owner]
real = getattr(holder, step)

def dying(*given, **named):
    global times
    times -= 1
    if times == 0:
        os.kill(os.getpid(), 9)
    return real(*given, **named)

setattr(holder, step, dying)
store.purge(Scope(devices=("cam-1",)), "anna", None)
"""


@pytest.mark.parametrize(
    ("owner", "step", "times", "done"),
    [
        ("archive", "remove", 1, True),  # committed; no file that does not count has been removed
        ("archive", "write", 3, False),  # amid the new files
        ("purge", "_delete", 2, False),  # amid the transaction
        ("Archive", "_mark", 1, False),  # at its end
        ("Purge", "_make_room", 1, True),
    ],
)
def test_it_is_done_or_not_done(tmp_path: Path, owner: str, step: str, times: int, done: bool) -> None:
    path = tmp_path / "driftline.duckdb"
    with closing(DuckDBStore(path)) as store:
        fill(store)
        for table in ARCHIVED:
            if table.name != "labels":
                store.archive.move(table, DAY, "digits" if table.by_model else None, 1 << 62)
    command = [sys.executable, "-c", _KILLED, str(path), owner, step, str(times)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    with closing(DuckDBStore(path)) as store:
        assert left(store, "cam-1") == (NONE if done else ALL)
        assert left(store, "cam-2") == ALL
        assert store.audit(10).num_rows == int(done)
        found = {file.relative_to(f"{path}.archive") for file in Path(f"{path}.archive").glob("[!.]*/**/*.*")}
        assert {file for file in found if file.suffix == ".parquet"} == {
            file.place for file in store.archive.files()
        }
        assert not [file for file in found if file.name.endswith(".partial")]
