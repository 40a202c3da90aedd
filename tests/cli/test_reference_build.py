"""`driftline reference build`: from columns in a file to a reference file."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from driftline_schemas.binning import LABEL, SCORE
from driftline_schemas.reference import Reference

from tests.cli.command import here

ROWS = 200
RNG = np.random.default_rng(7)
INK = RNG.normal(size=ROWS).round(3)
SCORES = RNG.uniform(size=ROWS).round(3)
LABELS = [str(i % 10) for i in range(ROWS)]
SHOPS = [("north", "south")[i % 2] for i in range(ROWS)]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    lines = ["id,ink,shop,zip,said,sure"]
    lines += [
        f"{i},{'' if i == 3 else INK[i]},{SHOPS[i]},{8000 + i % 4},{LABELS[i]},{SCORES[i]}"
        for i in range(ROWS)
    ]
    file = tmp_path / "train.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


OPTIONS = ("--model", "digits", "--version", "2", "--label", "said", "--score", "sure", "--exclude", "id")


def test_a_csv_file_becomes_a_reference(csv: Path, tmp_path: Path) -> None:
    done = here("reference", "build", csv, *OPTIONS, "--categorical", "zip", "-o", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    reference = Reference.load(tmp_path / "r.json")
    assert (reference.model, reference.version, reference.rows) == ("digits", "2", ROWS)
    kinds = {feature.name: feature.kind for feature in reference.binning.features}
    assert kinds == {
        "ink": "numeric",
        "shop": "categorical",
        "zip": "categorical",
        LABEL: "categorical",
        SCORE: "numeric",
    }
    assert reference.counts["ink"][-1] == 1  # the empty field is missing
    assert reference.binning.get("zip").categories == ("8000", "8001", "8002", "8003")  # type: ignore[union-attr]
    assert reference.binning.get(LABEL).categories == tuple("0123456789")  # type: ignore[union-attr]


def test_what_was_made_is_shown(csv: Path, tmp_path: Path) -> None:
    shown = here("reference", "build", csv, *OPTIONS, "-o", "r.json", cwd=tmp_path).stdout.splitlines()
    assert shown[0].split() == ["feature", "kind", "bins", "missing"]
    assert shown[1].split()[:2] == ["ink", "numeric"]
    assert shown[1].split()[-1] == "0.5%"
    assert shown[-1].startswith("200 rows of digits 2, binning b1-")


def test_json_names_the_file_and_its_features(csv: Path, tmp_path: Path) -> None:
    done = here("reference", "build", csv, *OPTIONS, "--json", "-o", tmp_path / "r.json")
    assert json.loads(done.stdout)["features"] == ["ink", "shop", "zip", LABEL, SCORE]


def test_parquet_and_npz_give_the_same_counts_as_csv(tmp_path: Path) -> None:
    columns = {"ink": INK, "shop": np.array(SHOPS), "said": np.array(LABELS), "sure": SCORES}
    np.savez(tmp_path / "a.npz", **columns)  # type: ignore[arg-type]
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    made = []
    for ending in ("npz", "parquet", "csv"):
        options = OPTIONS[:-2]
        done = here(
            "reference", "build", tmp_path / f"a.{ending}", *options, "-o", tmp_path / f"{ending}.json"
        )
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / f"{ending}.json").read_text())
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_with_their_times_rows_are_counted_by_hour(tmp_path: Path, ending: str) -> None:
    days = np.arange(28 * 40) // 40
    times = np.datetime64("2026-06-01T09:10", "s") + days * np.timedelta64(86_400, "s")
    table = pa.table({"ink": RNG.normal(size=len(days)), "at": times})
    if ending == "csv":
        pyarrow.csv.write_csv(table, tmp_path / "a.csv")
    else:
        pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    options = ("--time", "at", "-o", tmp_path / "r.json")
    done = here("reference", "build", tmp_path / f"a.{ending}", *options)
    assert done.returncode == 0, done.stderr
    assert "7 of 168 hours of the week are compared with their own rows, 1,120 or more." in done.stdout
    assert "The others are compared with all rows: an hour takes 500 rows, of 8 days." in done.stdout
    made = Reference.load(tmp_path / "r.json")
    assert [feature.name for feature in made.binning.features] == ["ink"]
    assert [group.hours for group in made.hours] == [(9, 33, 57, 81, 105, 129, 153)]
    zone = ("--zone", "America/New_York")
    again = here("reference", "build", tmp_path / f"a.{ending}", *options, *zone, "--json")
    assert json.loads(again.stdout)["hours"] == 7
    assert (
        Reference.load(tmp_path / "r.json") == made
    )  # the file tells no zone: they are of the one that is named


def test_an_array_of_two_dimensions_becomes_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pixel=RNG.normal(size=(50, 3)))
    done = here("reference", "build", tmp_path / "a.npz", "--json", "-o", tmp_path / "r.json")
    assert json.loads(done.stdout)["features"] == ["pixel_0", "pixel_1", "pixel_2"]


def test_the_bins_of_an_earlier_version_can_be_used(csv: Path, tmp_path: Path) -> None:
    here("reference", "build", csv, *OPTIONS, "-o", tmp_path / "2.json")
    options = [{"2": "3"}.get(option, option) for option in OPTIONS]
    done = here("reference", "build", csv, *options, "--like", tmp_path / "2.json", "-o", tmp_path / "3.json")
    assert done.returncode == 0, done.stderr
    earlier, later = (Reference.load(tmp_path / f"{version}.json") for version in (2, 3))
    assert (earlier.binning.id, later.version) == (later.binning.id, "3")


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.txt", "x\n1\n", (), "a.txt: expected a file that ends in .csv, .parquet or .npz"),
        ("a.csv", None, (), "a.csv: cannot be read: No such file or directory\n"),
        ("a.csv", "", (), "a.csv: not a .csv file of columns: Empty CSV file"),
        ("a.csv", "x,y\n1,2\n1\n", (), "a.csv: not a .csv file of columns: "),
        ("a.parquet", "x", (), "a.parquet: not a .parquet file of columns: "),
        ("a.npz", "x", (), "a.npz: not a .npz file of columns: "),
        ("a.csv", "x,y\n1,2\n", ("--label", "z"), "--label: there is no column 'z'; there are x, y"),
        ("a.csv", "x,y\n1,2\n", ("--exclude", "z"), "--exclude: there is no column 'z'; there are x, y"),
        ("a.csv", "x\n1\n", ("--exclude", "x"), "a.csv: no column is left to be a feature"),
        (
            "a.csv",
            "x\n2026-01-01\n",
            (),
            "column 'x' holds date32[day]; expected numbers, texts, truth values or times",
        ),
        ("a.csv", "x,at\n1,noon\n", ("--time", "at"), "times: row 1: 'noon' is no time; expected ISO 8601"),
        ("a.csv", "x,at\n1,2026-06-01T08:00\n", ("--time", "at", "--zone", "no"), "'no' is no time zone"),
        ("a.csv", "x\n", (), "no rows"),
        ("a.csv", "__score__\n1\n", (), "'__score__' is a reserved name"),
    ],
)
def test_what_cannot_be_a_reference_is_refused_in_a_line(
    tmp_path: Path, name: str, content: str | None, options: tuple[str, ...], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = here("reference", "build", name, *options, "-o", "r.json", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("driftline: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r.json").exists()
