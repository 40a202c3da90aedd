"""A real store, and a reference for version 2.0.0 that is registered in it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.reference import Reference

from tests.analysis import fleet


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(tmp_path / "driftline.duckdb")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def reference() -> Reference:
    return fleet.reference(np.random.default_rng(1))


@pytest.fixture
def feed(store: DuckDBStore, reference: Reference) -> fleet.Feed:
    fleet.register(store, reference)
    return fleet.Feed(store, reference.binning)
