"""The trained models, made once for all tests of the digits fleet."""

from pathlib import Path

import pytest

from examples.digits_fleet import models


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    models.train_all(folder)
    return folder
