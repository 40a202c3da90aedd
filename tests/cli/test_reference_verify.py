"""`driftline reference verify`: training rows through the deployed preprocessing; a mismatch is refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from driftline.summaries import ImageSummaries
from driftline_schemas.reference import Reference

from tests.cli.command import driftline, here

ROWS = 400
RNG = np.random.default_rng(21)
CELSIUS = RNG.normal(20, 5, ROWS).round(2)
CODES = RNG.choice(["8001", "8002"], ROWS)
PREPROCESSING = '''
"""What runs on the device, and what mistakes it may have."""

def features(row):
    return {"heat": None if row["celsius"] is None else row["celsius"] / 40, "code": row["zip"]}

def in_fahrenheit(row):
    return {**features(row), "heat": (row["celsius"] * 9 / 5 + 32) / 40, "night": True}

def sometimes(row):
    return features(row) if row["celsius"] < 28 else {"heat": row["celsius"] / 40}

def breaks(row):
    return features(row) if row["celsius"] < 20 else row["fahrenheit"]

def unlike(row):
    return {**features(row), "heat": "hot"}

nothing = 3
'''


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder with the rows, what training made of them, the reference and the device's module."""
    pyarrow.parquet.write_table(pa.table({"celsius": CELSIUS, "zip": CODES}), tmp_path / "train.parquet")
    made = {"heat": CELSIUS / 40, "code": CODES}
    pyarrow.parquet.write_table(pa.table(made), tmp_path / "features.parquet")
    Reference.from_data(made, model="digits", version="2").save(tmp_path / "r.json")
    (tmp_path / "prep_of_the_device.py").write_text(PREPROCESSING)
    return tmp_path


def verified(folder: Path, function: str, *more: str | Path) -> tuple[int, str, str]:
    through = f"prep_of_the_device:{function}"
    done = here(
        "reference", "verify", "r.json", "--rows", "train.parquet", "--through", through, *more, cwd=folder
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_deployed_as_it_was_trained_passes_in_a_process_of_its_own(trained: Path) -> None:
    done = driftline(
        "reference",
        "verify",
        "r.json",
        "--rows",
        "train.parquet",
        "--through",
        "prep_of_the_device:features",
        cwd=trained,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "All 2 features of 400 rows are as in the reference."


def test_a_wrong_unit_is_refused_by_name_and_bin(trained: Path) -> None:
    status, out, _ = verified(trained, "in_fahrenheit", "--expected", "features.parquet")
    assert status == 1
    first = out.splitlines()[1]
    assert first.startswith("heat")
    assert "MISMATCH: 100.00% of the rows differ" in first
    assert "Made, but not in the reference: night." in out
    assert "1 of 2 features do not match: heat." in out


def test_without_what_training_made_the_least_share_is_told(trained: Path) -> None:
    status, out, _ = verified(trained, "sometimes", "--json")
    told = json.loads(out)
    code = next(one for one in told["features"] if one["feature"] == "code")
    missing = float((CELSIUS >= 28).mean())
    assert (status, told["matches"], told["rows"]) == (1, False, ROWS)
    assert code["differ"] == pytest.approx(missing)
    assert not code["by_row"]
    assert code["moved"].startswith("missing: 0.0% → ") or "→" in code["moved"]


def test_row_by_row_shows_what_counts_hide(trained: Path) -> None:
    """The same values on other rows: an order that was lost."""
    pyarrow.parquet.write_table(
        pa.table({"heat": np.roll(CELSIUS, 1) / 40, "code": CODES}), trained / "device.parquet"
    )
    given = ("reference", "verify", "r.json", "--rows", "device.parquet")
    assert here(*given, cwd=trained).returncode == 0
    done = here(*given, "--expected", "features.parquet", cwd=trained)
    assert done.returncode == 1
    assert "MISMATCH" in done.stdout


def test_as_few_rows_as_are_allowed_may_differ(trained: Path) -> None:
    made = CELSIUS / 40
    made[:2] += 1
    pyarrow.parquet.write_table(pa.table({"heat": made, "code": CODES}), trained / "device.parquet")
    given = ("reference", "verify", "r.json", "--rows", "device.parquet")
    assert here(*given, cwd=trained).returncode == 1
    assert here(*given, "--allow", "0.005", cwd=trained).returncode == 0


@pytest.mark.parametrize(("shift", "status"), [(0.0, 0), (5.0, 1)])
def test_other_rows_than_the_references_are_held_to_the_minimum_effect(
    trained: Path, shift: float, status: int
) -> None:
    other = np.random.default_rng(22).normal(20 + shift, 5, 900)
    codes = np.random.default_rng(23).choice(["8001", "8002"], 900)
    pyarrow.parquet.write_table(pa.table({"heat": other / 40, "code": codes}), trained / "other.parquet")
    done = here("reference", "verify", "r.json", "--rows", "other.parquet", "--json", cwd=trained)
    assert done.returncode == status
    assert json.loads(done.stdout)["features"][0]["differ"] is None


def test_images_go_through_row_by_row(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    summaries = ImageSummaries((8, 8))
    Reference.from_data(summaries.table(images), names=summaries.names).save(tmp_path / "r.json")
    np.savez(tmp_path / "train.npz", image=images)
    (tmp_path / "prep_of_the_camera.py").write_text(
        "from driftline.summaries import ImageSummaries\n"
        "S = ImageSummaries((8, 8))\n"
        "def right(row): return S.of(row['image'])\n"
        "def late(row): return S.of(row['image'][:, [1, 2, 3, 4, 5, 6, 7, 7]])\n"
    )
    given = ("reference", "verify", "r.json", "--rows", "train.npz", "--through")
    assert here(*given, "prep_of_the_camera:right", cwd=tmp_path).returncode == 0
    assert here(*given, "prep_of_the_camera:late", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("through", "status", "said"),
    [
        ("prep_of_the_device:breaks", 1, "was refused: KeyError: 'fahrenheit'"),
        ("prep_of_the_device", 2, "expected module:function"),
        ("prep_of_the_device:absent", 2, "cannot be imported: AttributeError"),
        ("not_there_at_all:features", 2, "cannot be imported: ModuleNotFoundError"),
        ("prep_of_the_device:nothing", 2, "is no function"),
    ],
)
def test_a_function_that_does_not_work_is_told(trained: Path, through: str, status: int, said: str) -> None:
    done = here("reference", "verify", "r.json", "--rows", "train.parquet", "--through", through, cwd=trained)
    assert done.returncode == status
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_text_where_a_number_was_does_not_match(trained: Path) -> None:
    status, out, _ = verified(trained, "unlike", "--json")
    assert status == 1
    assert "not numbers" in json.loads(out)["features"][0]["problem"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent.json", "--rows", "train.parquet"), "absent.json: there is no such file"),
        (("r.json", "--rows", "absent.parquet"), "absent.parquet: cannot be read"),
        (("r.json", "--rows", "empty.csv"), "empty.csv: no rows"),
        (("r.json", "--rows", "features.parquet", "--expected", "short.csv"), "they must be the same ones"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_a_line(
    trained: Path, arguments: tuple[str, ...], said: str
) -> None:
    (trained / "empty.csv").write_text("heat,code\n")
    (trained / "short.csv").write_text("heat,code\n1,a\n")
    done = here("reference", "verify", *arguments, cwd=trained)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
