from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline_collector.client import Client

from tests.api.seeded import Seeded, seeded, unseeded
from tests.api.serving import Serving, serving
from tests.seeding import SMALL
from tests.seeding.fleet import hostile


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """For tests that leave nothing behind."""
    with serving(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Four devices of which one type has moved. For tests that leave nothing behind."""
    with seeded(tmp_path_factory.mktemp("small") / "api.duckdb", SMALL) as running:
        yield running


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """The same, with names that break what puts them into SQL, HTML, Markdown or paths."""
    with seeded(tmp_path_factory.mktemp("nasty") / "api.duckdb", hostile()) as running:
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A collector that nobody has sent anything to."""
    with unseeded(tmp_path_factory.mktemp("empty") / "api.duckdb", SMALL) as running:
        yield running.client
