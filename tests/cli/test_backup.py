"""`driftline backup` of a collector that runs or does not, and `driftline restore`."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import START, Serving, prediction, serving
from tests.cli.command import driftline, here


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        running.put("predictions", *(prediction(f"p{number}") for number in range(5)))
        yield running


def test_a_running_collector_is_backed_up_restored_and_answers_the_same(
    collector: Serving, tmp_path: Path
) -> None:
    made = here("backup", tmp_path / "out.tar", "--url", collector.url)
    assert made.returncode == 0, made.stderr
    assert "out.tar" in made.stdout
    assert made.stdout.rstrip().endswith("UTC; checked.")
    again = tmp_path / "again"
    again.mkdir()
    restored = here("restore", tmp_path / "out.tar", "--database", again / "api.duckdb")
    assert restored.returncode == 0, restored.stderr
    assert "It lacks what came in the" in restored.stdout
    asked = f"/samples?from={START}&to={START + 1}"
    with serving(again) as other:
        assert other.http.get(asked).json()["items"] == collector.http.get(asked).json()["items"]
        assert len(other.http.get(asked).json()["items"]) == 5


def test_a_database_without_a_collector_is_backed_up_from_its_file(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.put("predictions", prediction("p"))
    done = here("backup", tmp_path, "--database", tmp_path / "api.duckdb", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["file"]).parent == tmp_path
    assert Path(told["file"]).stat().st_size == told["bytes"]
    assert told["rows"]["predictions"] == 1


def test_what_is_no_backup_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "junk.tar").write_text("junk")
    done = here("restore", tmp_path / "junk.tar", "--database", tmp_path / "made.duckdb")
    assert done.returncode == 1
    assert "this is not a whole backup by driftline" in done.stderr
    good = tmp_path / "none" / "made.duckdb"
    done = here("restore", tmp_path / "junk.tar", "--database", good)
    assert done.stderr == f"driftline: {good}: cannot be restored: No such file or directory\n"
    assert [path.name for path in tmp_path.iterdir()] == ["junk.tar"]


def test_a_folder_that_is_not_there_does_not_become_a_files_name(tmp_path: Path) -> None:
    done = here("backup", f"{tmp_path}/backups/", "--database", "absent.duckdb")
    assert done.returncode == 2
    assert "there is no such folder" in done.stderr
    assert not (tmp_path / "backups").exists()


def test_a_database_that_a_collector_holds_is_neither_read_nor_moved_away(
    collector: Serving, tmp_path: Path
) -> None:
    held = tmp_path / "api.duckdb"
    read = driftline("backup", tmp_path / "out.tar", "--database", held)
    assert read.returncode == 1
    assert "holds this database" in read.stderr
    assert not (tmp_path / "out.tar").exists()
    driftline("backup", tmp_path / "good.tar", "--url", collector.url)
    moved = driftline("restore", tmp_path / "good.tar", "--database", held, "--force")
    assert moved.returncode == 1
    assert "a collector holds this database; stop it first" in moved.stderr
    assert held.exists()


def test_a_backup_goes_through_a_pipe(collector: Serving, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "driftline_collector"]
    made = subprocess.run([*command, "backup", "-", "--url", collector.url], capture_output=True, check=True)
    restored = subprocess.run(
        [*command, "restore", "-", "--database", tmp_path / "piped.duckdb", "--json"],
        input=made.stdout,
        capture_output=True,
        check=True,
    )
    assert json.load(io.BytesIO(restored.stdout))["rows"]["predictions"] == 5


def test_an_existing_file_is_not_written_over(collector: Serving, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = here("backup", tmp_path / "mine", "--url", collector.url)
    assert done.returncode == 2
    assert "is there already; give another name" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_without_a_collector_it_is_said_what_to_do(tmp_path: Path) -> None:
    done = here("backup", tmp_path / "out.tar", "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no collector answers" in done.stderr
    assert not list(tmp_path.iterdir())
