"""A real store for the tests of alerts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline_collector.store.duckdb import DuckDBStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(tmp_path / "alerts.duckdb")
    yield opened
    opened.close()
