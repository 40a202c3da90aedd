"""The collector's process leaves out what it has no use for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import collector

CODE = """
from driftline_collector.memory import refuse_pandas, spare
spare()
refuse_pandas()
import duckdb, pyarrow as pa
connection = duckdb.connect()
connection.register("rows", pa.table({"x": [1, 2]}))
print(connection.sql("SELECT sum(x) FROM rows").to_arrow_table().to_pylist())
print(pa.default_memory_pool().backend_name)
try:
    import pandas
except ImportError as error:
    print(error)
"""


def test_arrow_and_duckdb_do_without_pandas_and_take_memory_from_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    assert said[1:] == ["system", "the collector does without pandas"], done.stderr
    assert "sum(x)" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process has loaded")
def test_a_running_collector_has_loaded_what_it_needs_and_not_what_would_cost_memory(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert running.get("/system")["ready"]
        loaded = Path(f"/proc/{running.process.pid}/maps").read_text()
    found = set(re.findall(r"/site-packages/(\w+(?:/\w+)?)", loaded))
    assert {"_duckdb", "pyarrow", "scipy"} <= {name.partition("/")[0] for name in found}
    assert not {"matplotlib", "pandas", "sklearn"} & {name.partition("/")[0] for name in found}
    assert not found & {
        f"scipy/{name}" for name in ("interpolate", "ndimage", "optimize", "spatial", "stats")
    }
