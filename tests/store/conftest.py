"""A store on a file of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline_collector.store.duckdb import DuckDBStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "driftline.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(path)
    yield opened
    opened.close()
