"""`driftline export` to each format."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.api.serving import START, Serving, prediction, serving
from tests.cli.command import driftline, here


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("exported")) as running:
        running.put(
            "predictions",
            prediction("p1", trace_id=b"\x01\xff", reasons=["random"], score=0.5, label="ä, \n7"),
            prediction("p2", time_ns=START + 1),
        )
        yield running


def test_parquet_holds_the_rows_as_they_are_stored(collector: Serving, tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    done = here("export", "predictions", file, "--json", "--url", collector.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": str(file), "rows": 2, "bytes": file.stat().st_size}
    (first, _) = sorted(pq.read_table(file).to_pylist(), key=lambda row: str(row["id"]))
    assert (first["trace_id"], first["reasons"], first["time_ns"]) == (b"\x01\xff", ["random"], START)


def test_csv_and_json_lines_hold_them_as_text(collector: Serving, tmp_path: Path) -> None:
    for name in ("out.csv", "out.jsonl"):
        done = here("export", "predictions", tmp_path / name, "--to", str(START + 1), "--url", collector.url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{tmp_path / name}: 1 row of predictions")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as text:
        (row,) = csv.DictReader(text)
    assert (row["label"], row["trace_id"], json.loads(row["reasons"])) == ("ä, \n7", "01ff", ["random"])
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert (told["label"], told["trace_id"], told["reasons"]) == ("ä, \n7", "01ff", ["random"])


def test_standard_output_takes_them_where_the_format_is_said(collector: Serving) -> None:
    done = driftline("export", "predictions", "-", "--format", "jsonl", "--url", collector.url)
    assert {json.loads(line)["id"] for line in done.stdout.splitlines()} == {"p1", "p2"}


def test_a_segment_of_ones_own_chooses_rows(collector: Serving, tmp_path: Path) -> None:
    for line, rows in (("unknown", 2), ("A3", 0)):
        key = f"model=digits,version=*,device_type=*,region=*,segment.line={line}"
        file = tmp_path / f"{line}.csv"
        done = here("export", "predictions", file, "--segment", key, "--json", "--url", collector.url)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"] == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predictions", "out.xls"), "ends in none of .parquet, .csv and .jsonl"),
        (("predictions", "there.csv"), "is there already; give another name"),
        (("predictions", "none/a.csv"), "none/a.csv: cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_no_file(
    collector: Serving,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("precious")
    done = here("export", *arguments, "--url", collector.url)
    assert done.returncode in {1, 2}
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_a_database_without_a_collector_is_read_from_its_file(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.put("predictions", prediction("p1", device="cam-1"), prediction("p2", device="cam-2"))
    asked = ("--device", "cam-1", "--model", "digits", "--database", tmp_path / "api.duckdb")
    done = here("export", "predictions", tmp_path / "out.jsonl", *asked)
    assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["id"] == "p1"
