"""Ground truth over HTTP and by the command: all of it is taken, or none."""

from pathlib import Path

import pytest

from tests.api.serving import START, Serving, prediction
from tests.cli.command import here

CSV = {"content-type": "text/csv"}
JSON = {"content-type": "application/json"}


def stored(collector: Serving) -> list[tuple[str, str | None]]:
    rows = collector.read("SELECT prediction_id, label FROM labels ORDER BY ALL")
    return [(row["prediction_id"], row["label"]) for row in rows]


def test_labels_are_taken_and_matched_with_the_predictions_that_are_here(collector: Serving) -> None:
    collector.put("predictions", prediction("a"), prediction("b"))
    labels = [{"prediction_id": "a", "label": "7"}, {"prediction_id": "z", "label": "1", "source": "human"}]
    answer = collector.http.post("/labels", json=labels)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"accepted": 2, "matched": 1, "unmatched": 1, "unmatched_examples": ["z"]}
    assert stored(collector) == [("a", "7"), ("z", "1")]


def test_every_field_is_kept(collector: Serving) -> None:
    label = {
        "prediction_id": "a",
        "value": 1.5,
        "source": "bench",
        "probability": 0.25,
        "time": "2026-01-01T00:00:00Z",
    }
    assert collector.http.post("/labels", json=[label]).status_code == 200
    (row,) = collector.read("SELECT * FROM labels")
    kept = {
        name: row[name] for name in ("prediction_id", "label", "value", "source", "probability", "time_ns")
    }
    assert kept == {
        "prediction_id": "a",
        "label": None,
        "value": 1.5,
        "source": "bench",
        "probability": 0.25,
        "time_ns": START,
    }


def test_csv_says_the_same_as_json(collector: Serving) -> None:
    body = 'prediction_id,label,probability\n"a","7, or so",\nb,8,0.5\n'
    answer = collector.http.post("/labels", content=body, headers=CSV)
    assert answer.json()["accepted"] == 2
    assert stored(collector) == [("a", "7, or so"), ("b", "8")]


def test_whole_numbers_and_truth_values_are_labels_too(collector: Serving) -> None:
    collector.http.post(
        "/labels", json=[{"prediction_id": "a", "label": 7}, {"prediction_id": "b", "label": True}]
    )
    assert stored(collector) == [("a", "7"), ("b", "true")]


@pytest.mark.parametrize(
    ("body", "kind", "status", "detail"),
    [
        ("[", JSON, 400, "the body is not JSON"),
        ("{}", JSON, 422, "expected a list such as"),
        ("[1]", JSON, 422, "row 1: expected an object"),
        ('[{"label": "7"}]', JSON, 422, "row 1: prediction_id is missing"),
        ('[{"prediction_id": "a"}]', JSON, 422, "row 1: expected one of label and value"),
        (
            '[{"prediction_id": "a", "label": "7", "value": 1}]',
            JSON,
            422,
            "row 1: expected one of label and value",
        ),
        ('[{"prediction_id": "a", "label": [7]}]', JSON, 422, "row 1: label [7] is not text"),
        ('[{"prediction_id": "a", "value": NaN}]', JSON, 422, "row 1: value nan is not a number"),
        ('[{"prediction_id": "a", "label": "7", "lable": 1}]', JSON, 422, "row 1: unknown field 'lable'"),
        (
            '[{"prediction_id": "a", "label": "7", "probability": 0}]',
            JSON,
            422,
            "row 1: probability 0.0 is not in (0, 1]",
        ),
        (
            '[{"prediction_id": "a", "label": "7", "time": "soon"}]',
            JSON,
            422,
            "row 1: time: 'soon' is no time",
        ),
        ("a,b\n1,2\n", CSV, 422, "the first line names the columns a, b; expected prediction_id, label"),
        ("prediction_id,label,lable\n", CSV, 422, "unknown column 'lable'"),
        ("prediction_id,label\na,7,8\n", CSV, 422, "row 2: more fields than the first line has names"),
        ("prediction_id,label\na\n", CSV, 422, "row 2: expected one of label and value"),
        ('prediction_id,label\n"a,7\n', CSV, 422, "is not CSV"),
        ("", CSV, 422, "the first line names the columns (none)"),
        (b"\xff\xfe", CSV, 400, "the body is not UTF-8"),
        ("x", {"content-type": "text/plain"}, 415, "content type 'text/plain' is not known here"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(
    shared: Serving, body: str | bytes, kind: dict[str, str], status: int, detail: str
) -> None:
    answer = shared.http.post("/labels", content=body, headers=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert detail in answer.json()["detail"]
    assert stored(shared) == []


def test_one_wrong_label_keeps_all_out_and_each_wrong_one_is_named(shared: Serving) -> None:
    labels = [{"prediction_id": "a", "label": "7"}, {"label": "8"}, {"prediction_id": "c"}]
    answer = shared.http.post("/labels", json=labels).json()
    assert answer["detail"].startswith("2 of the labels are wrong, so none was taken")
    assert [error["where"] for error in answer["errors"]] == ["row 2", "row 3"]
    assert stored(shared) == []


def test_nothing_is_no_error(shared: Serving) -> None:
    assert shared.http.post("/labels", json=[]).json()["accepted"] == 0


def test_the_command_imports_a_file_and_says_how_many_match(collector: Serving, tmp_path: Path) -> None:
    collector.put("predictions", prediction("a"))
    (tmp_path / "truth.csv").write_text("prediction_id,label,source\na,7,human\nz,1,\n")
    done = here("labels", "import", "truth.csv", "--url", collector.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Labels taken: 2, of which 1 for predictions that are here.",
        "Waiting for their predictions, which never come where those were not sampled: 1, such as z",
    ]
    assert stored(collector) == [("a", "7"), ("z", "1")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "prediction_id,label\na,7\n,8\nb,\n",
            [
                "no label was taken",
                "t.csv:3: prediction_id is missing",
                "t.csv:4: expected one of label and value",
            ],
        ),
        ("id,label\n", ["t.csv:1: the columns are id, label; expected prediction_id and label"]),
        ("prediction_id,label\na,7,8\n", ["t.csv:2: more fields than the first line names"]),
        ('prediction_id,label\n"a\n', ["t.csv: not CSV in UTF-8: unexpected end of data"]),
    ],
)
def test_the_command_names_the_line(shared: Serving, tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "t.csv").write_text(text)
    done = here("labels", "import", "t.csv", "--url", shared.url, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.removeprefix("driftline: ").splitlines() == said
