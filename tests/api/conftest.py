from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import Serving, serving


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """For tests that leave nothing behind."""
    with serving(tmp_path_factory.mktemp("shared")) as running:
        yield running
