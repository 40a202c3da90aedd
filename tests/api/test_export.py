"""Rows taken out: all of them, chosen as asked, a part at a time."""

from typing import Any, get_args

import pyarrow as pa
import pytest
from driftline_collector.api.export import Name
from driftline_collector.cli.export import Table
from driftline_collector.store.export import EXPORTED, Export
from driftline_collector.store.kinds import TABLES
from driftline_collector.store.shown import Where

from tests.api.serving import START, Serving, prediction, profile

SECOND = 10**9


def rows(collector: Serving, name: str, **filters: Any) -> list[dict[str, Any]]:
    answer = collector.http.get(f"/export/{name}", params=filters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return found


def fill(collector: Serving) -> Serving:
    for number in range(4):
        told = {"device": f"cam-{number % 2}", "time_ns": START + number * SECOND, "feature_set": 1}
        collector.put("predictions", prediction(f"p{number}", **told))
        label = {"time_ns": START + number * SECOND, "prediction_id": f"p{number}", "label": "7"}
        collector.put("labels", label)
    features = pa.table({"id": [1], "names": [["a", "b"]], "types": [["number", "text"]]})
    collector.collector._store.submit({"feature_sets": features}).result()
    collector.put("profiles", profile("sharpness"))
    return collector


@pytest.fixture(scope="module")
def filled(shared: Serving) -> Serving:
    return fill(shared)


def test_all_there_is_is_taken_out_with_the_names_of_features(filled: Serving) -> None:
    found = sorted(rows(filled, "predictions"), key=lambda row: str(row["id"]))
    assert [row["id"] for row in found] == ["p0", "p1", "p2", "p3"]
    assert {tuple(row["feature_names"]) for row in found} == {("a", "b")}


@pytest.mark.parametrize(
    ("name", "filters", "ids"),
    [
        ("predictions", {"device": "cam-1"}, {"p1", "p3"}),
        ("predictions", {"from": START + SECOND, "to": START + 3 * SECOND}, {"p1", "p2"}),
        ("predictions", {"model": "letters"}, set()),
        ("predictions", {"type": "camera-a", "region": "eu", "version": "2"}, {"p0", "p1", "p2", "p3"}),
        ("labels", {"device": "cam-1"}, {"p1", "p3"}),
        ("labels", {"to": START + SECOND}, {"p0"}),
    ],
)
def test_rows_are_chosen(filled: Serving, name: str, filters: dict[str, Any], ids: set[str]) -> None:
    key = "id" if name == "predictions" else "prediction_id"
    assert {row[key] for row in rows(filled, name, **filters)} == ids


def test_what_is_in_the_archive_is_taken_out_too(collector: Serving) -> None:
    filled = fill(collector)
    archive = filled.collector._store.archive
    day = "2026-01-01"
    assert archive.move(TABLES["predictions"], day, "digits", 1 << 62) == 4
    assert len(rows(filled, "predictions")) == 4
    assert len(rows(filled, "profiles")) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/export/logs?model=digits", "logs do not tell their model; leave that filter out"),
        ("/export/spans?region=eu", "spans do not tell their region; leave that filter out"),
        ("/export/secrets", "Input should be 'predictions'"),
    ],
)
def test_a_filter_that_would_filter_nothing_is_refused(filled: Serving, path: str, message: str) -> None:
    answer = filled.http.get(path)
    assert answer.status_code == 422
    assert message in answer.json()["detail"]


@pytest.mark.parametrize("name", EXPORTED)
def test_each_kind_can_be_taken_out(filled: Serving, name: str) -> None:
    assert isinstance(rows(filled, name), list)


def test_names_are_the_same_in_store_api_and_command() -> None:
    assert set(EXPORTED) == set(get_args(Name)) == {table.value for table in Table}


def test_rows_come_a_part_at_a_time_and_files_stay_until_they_were_read(collector: Serving) -> None:
    store = collector.collector._store
    store._database.cursor().execute(
        """
        INSERT INTO predictions (received_ns, time_ns, id, model, version, device, device_type, region, tier)
        SELECT 1, range, 'x' || range, 'digits', '2', 'cam-9', 'a', 'b', 'c' FROM range(200_000)
        """
    )
    store.archive.move(TABLES["predictions"], "1970-01-01", "digits", 1 << 62)
    (file,) = store.archive.files("predictions")
    export = Export(store._database, store.archive, "predictions", Where(device="cam-9"))
    chunks = export.chunks()
    first = next(chunks)
    with store.archive.lock:
        store.archive.swap([], [file])  # as retention does
    assert (store.archive.folder / file.place).exists()
    rest = list(chunks)
    export.close()
    assert not (store.archive.folder / file.place).exists()
    assert pa.ipc.open_stream(b"".join([first, *rest])).read_all().num_rows == 200_000
    assert max(map(len, [first, *rest])) < sum(map(len, rest)) / 10
