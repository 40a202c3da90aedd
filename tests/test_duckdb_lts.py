"""DuckDB's long-term release is brought where a package index can be reached, and else done without."""

import os
from pathlib import Path

import pytest

from scripts import duckdb_lts


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It is not there yet, and no index can be reached."""
    folder = tmp_path / "duckdb"
    monkeypatch.setattr(duckdb_lts, "folder", lambda: folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return folder


def test_the_release_is_pinned_with_hashes() -> None:
    assert duckdb_lts.version() == "1.5.5"
    assert "--hash=sha256:" in duckdb_lts.CONSTRAINTS.read_text(encoding="utf-8")


def test_without_an_index_a_line_says_what_is_skipped(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert duckdb_lts.main(["-c", "raise SystemExit('was run')"]) == 0
    assert "duckdb 1.5.5: what wants it is skipped: No matching distribution" in capfd.readouterr().err
    assert not list(elsewhere.parent.iterdir())


def test_where_it_is_python_is_run_with_it_and_its_status_given(elsewhere: Path) -> None:
    elsewhere.mkdir()
    (elsewhere / "duckdb.py").write_text("__version__ = 'that one'\n")
    assert (
        duckdb_lts.main(["-c", "import duckdb; raise SystemExit(3 * (duckdb.__version__ == 'that one'))"])
        == 3
    )
