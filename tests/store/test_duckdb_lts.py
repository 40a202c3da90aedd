"""A file of ours goes to and fro between the DuckDB that we pin and its long-term release."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import duckdb_lts

NEWEST, LONG_TERM = "the pinned one", "the long-term one"
#: Opens the store, adds the predictions argv[2:], and says what is there; "kill" ends it without closing.
STEP = """
import json, os, signal, sys
import duckdb
from driftline_collector.store.duckdb import DuckDBStore
from tests.store.batches import points, predictions
path, end, *numbers = sys.argv[1:]
numbers = [int(number) for number in numbers]
store = DuckDBStore(path)
if numbers:
    store.inbox.submit(predictions("a", numbers)).result(60)
    store.settle()
    store.inbox.submit(points("a", numbers[0] * 60, numbers[0] * 60 + 60, {"7": len(numbers)})).result(60)
rows = store.predictions("digits", 0, 1 << 62).column("sequence").to_pylist()
counts = store.device_counts("digits", 0, 1 << 62).column("counts").to_pylist()
told = {"duckdb": duckdb.__version__, "rows": rows, "counts": counts, "repeated": store.totals()["repeated"]}
print(json.dumps(told), flush=True)
os.kill(os.getpid(), signal.SIGKILL) if end == "kill" else store.close()
"""


@pytest.fixture(params=[(NEWEST, LONG_TERM), (LONG_TERM, NEWEST)], ids=["to the older", "to the newer"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Who writes first, and who goes on."""
    if not duckdb_lts.folder().is_dir():
        pytest.skip(f"no DuckDB {duckdb_lts.version()}: make test-lts brings it")
    there: tuple[str, str] = request.param
    return there


def step(duckdb: str, path: Path, end: str, *numbers: int) -> dict[str, Any]:
    """What a process with that DuckDB finds and adds."""
    lts = duckdb_lts.folder()
    here = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(lts)] if duckdb == LONG_TERM else []
    paths += [each for each in here if each and Path(each).name != lts.name]
    done = subprocess.run(
        [sys.executable, "-c", STEP, str(path), end, *map(str, numbers)],
        cwd=Path(__file__).parent.parent.parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told.pop("duckdb") == duckdb_lts.version()) == (duckdb == LONG_TERM)
    return told


def test_either_goes_on_with_file_log_and_journal_of_the_other(way: tuple[str, str], path: Path) -> None:
    first, second = way
    step(first, path, "close", 1, 2, 3)
    step(first, path, "kill", 4)
    told = step(second, path, "kill", 5, 4)
    assert (told["rows"], told["counts"], told["repeated"]) == ([1, 2, 3, 4, 5], [[6]], 1)
    told = step(first, path, "close", 6, 5)
    assert (told["rows"], told["counts"], told["repeated"]) == ([1, 2, 3, 4, 5, 6], [[8]], 2)
