"""`driftline purge`: nothing without --yes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import START, Serving, prediction, serving
from tests.cli.command import here


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        running.put("predictions", *(prediction(f"p{n}", device=f"cam-{n % 2}") for n in range(6)))
        yield running


def kept(collector: Serving) -> int:
    return len(collector.read("SELECT id FROM predictions"))


def test_it_says_what_would_go_and_does_it_with_yes(collector: Serving) -> None:
    planned = here("purge", "--device", "cam-1", "--url", collector.url)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.splitlines()[-1] == "3 rows would go, for good. To do it, give --yes."
    assert "Backups and exports that were made before hold it still." in planned.stdout
    assert kept(collector) == 6
    done = here(
        *("purge", "--device", "cam-1", "--yes", "--by", "anna", "--reason", "sold", "--url", collector.url)
    )
    assert done.stdout.splitlines()[-1] == "3 rows are purged. Verdicts are reckoned anew."
    assert kept(collector) == 3
    assert collector.http.get("/audit").json()["items"][0]["reason"] == "sold"


def test_an_interval_given_as_an_age_is_the_one_that_was_told(collector: Serving) -> None:
    done = here("purge", "--from", str(START), "--to", "1h", "--yes", "--json", "--url", collector.url)
    assert json.loads(done.stdout)["rows"] == 6
    assert kept(collector) == 0


def test_nothing_stored_is_said_and_nothing_done(collector: Serving) -> None:
    done = here("purge", "--device", "nobody", "--yes", "--url", collector.url)
    assert done.stdout == "Nothing stored is like that; nothing was purged.\n"
    assert not collector.http.get("/audit").json()["items"]


def test_without_a_name_nothing_is_asked_for() -> None:
    done = here("purge", "--yes")
    assert done.returncode == 2
    assert "name a --device, a --stream, a --model, or an interval" in " ".join(done.stderr.split())


def test_a_database_without_a_collector_is_purged_in_its_file(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.put("predictions", *(prediction(f"p{n}", device=f"cam-{n % 2}") for n in range(6)))
    arguments = ("purge", "--device", "cam-1", "--database", tmp_path / "api.duckdb", "--by", "anna")
    assert "3 rows would go" in here(*arguments).stdout
    assert "3 rows are purged" in here(*arguments, "--yes").stdout
    nameless = here(*arguments, "--by", " ")
    assert (nameless.returncode, "Traceback" in nameless.stderr) == (2, False)
    assert "author: expected a text that is not blank" in nameless.stderr
    wrong = here("purge", "--from", "1h", "--to", "2h", "--database", tmp_path / "api.duckdb")
    assert wrong.returncode == 2
    assert "from: it is not before 'to'" in " ".join(wrong.stderr.split())
    with serving(tmp_path) as running:
        assert kept(running) == 3
        assert running.http.get("/audit").json()["items"][0]["author"] == "anna"
