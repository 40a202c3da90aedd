"""What the API tells of the user's own segments: three lines of cameras of one type, one of which drifts."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import driftline
import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.windows import Window
from driftline_schemas.segments import Segment

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, START, Camera, Feed, healthy, shifted, window
from tests.api.seeded import Seeded, unseeded
from tests.api.serving import serving
from tests.end_to_end.running import wait_until
from tests.seeding import SMALL

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
LINE_A3 = f"{FLEET},segment.line=A3"
CAMERAS = [Camera(f"cam-{i}", segment=(("line", f"A{i // 3 + 1}"),)) for i in range(9)]
END = window(0)[1]
SPAN = {"from": str(START), "to": str(END + 1)}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """A window that was judged, with samples and labels, and the alert that it made."""
    with unseeded(tmp_path_factory.mktemp("lines") / "api.duckdb", SMALL) as running:
        store, rng = running.store, np.random.default_rng(11)
        reference = fleet.reference(np.random.default_rng(1))
        fleet.register(store, reference)
        feed = Feed(store, reference.binning)
        for camera in CAMERAS:
            by = 1.0 if dict(camera.segment)["line"] == "A3" else 0.0
            feed.window(camera, 0, shifted(healthy(150, rng), by))
        feed.commit()
        store.submit(_samples()).result(30)
        judged = evaluate(store, MODEL, Window(*window(0)), Policy(), now_ns=END)
        rows = judged.table()
        alerts = AlertPipeline(store, [Rule(name="drift", measure="drift")], (), now=lambda: END)
        store.submit({"evaluations": rows, **alerts.observe(rows)}).result(30)
        yield running


def _samples() -> dict[str, pa.Table]:
    """Ten predictions of each camera with their labels: on line A3 half of them are wrong."""
    made = [(camera, i) for camera in CAMERAS for i in range(10)]
    predictions = [
        {
            **camera.dimensions(),
            "segment": list(camera.segment),
            "id": f"{camera.name}-{i}",
            "time_ns": START + i,
            "label": "1",
            "probability": 0.1,
            "reasons": ["random"],
        }
        for camera, i in made
    ]
    labels = [
        {
            "time_ns": END,
            "prediction_id": f"{camera.name}-{i}",
            "label": "7" if dict(camera.segment)["line"] == "A3" and i % 2 else "1",
        }
        for camera, i in made
    ]
    segment = pa.array([row.pop("segment") for row in predictions], pa.map_(pa.string(), pa.string()))
    table = pa.Table.from_pylist(predictions).append_column("segment", segment)
    return {"predictions": table, "labels": pa.Table.from_pylist(labels)}


def ask(lines: Seeded, path: str, **parameters: Any) -> Any:
    answer = lines.http.get(path, params={**SPAN, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_line_is_a_finding_and_its_alert_says_so_in_words(lines: Seeded) -> None:
    (found,) = ask(lines, "findings", model=MODEL)["items"]
    assert found["segment"] == LINE_A3
    assert found["details"]["changed"]["attribution"]["cause"] == "segment"
    assert found["details"]["changed"]["attribution"]["what"] == "segment.line=A3"
    (alert,) = lines.client.alerts().items
    assert alert.segment == LINE_A3
    assert alert.summary is not None
    assert alert.summary.startswith("digits, every version, line A3: drifted since")
    assert "; only in line=A3" in alert.summary


def test_the_page_of_its_alert_shows_the_devices_and_samples_of_the_line(lines: Seeded) -> None:
    (alert,) = lines.client.alerts().items
    found = lines.client.alert(alert.id)
    assert {each.device for each in found.devices} == {"cam-6", "cam-7", "cam-8"}
    assert {each.device for each in found.samples} <= {"cam-6", "cam-7", "cam-8"}


def test_devices_samples_and_volume_are_told_of_a_line(lines: Seeded) -> None:
    names = {each["device"] for each in ask(lines, "devices", segment=LINE_A3)["items"]}
    assert names == {"cam-6", "cam-7", "cam-8"}
    samples = ask(lines, "samples", segment=LINE_A3)["items"]
    assert len(samples) == 30
    assert {each["device"] for each in samples} == names
    points = ask(lines, "series", segment=LINE_A3, measure="predictions")["points"]
    assert sum(point["mean"] for point in points) == 450


def test_the_grid_is_of_types_and_regions_and_a_filter_is_of_a_line(lines: Seeded) -> None:
    (cell,) = ask(lines, "overview", model=MODEL)["grid"]
    assert (cell["segment"], cell["n"]) == (f"model={MODEL},version=*,device_type=camera-a,region=eu", 1350)
    of_line = ask(lines, "overview", segment=LINE_A3)
    assert of_line["predictions"]["value"] == 450
    assert [(cell["verdict"], cell["n"]) for cell in of_line["grid"]] == [("drifted", 450)]
    shown = ask(lines, "evaluations/heatmap", model=MODEL)["segments"]
    assert sorted(shown) == sorted([LINE_A3, FLEET, cell["segment"]])
    within = ask(lines, "evaluations/heatmap", segment=LINE_A3)["segments"]
    assert within[0] == LINE_A3
    assert all(Segment.parse(key)["segment.line"] == "A3" for key in within)


def test_accuracy_is_told_of_a_line_and_its_versions(lines: Seeded) -> None:
    (version,) = ask(lines, "performance", segment=LINE_A3)["accuracy"]
    assert version["version"] == "2.0.0"
    assert version["estimate"]["n"] == 30
    assert version["estimate"]["value"] == pytest.approx(0.5)
    (of_window,) = ask(lines, "evaluations", segment=LINE_A3, measure="accuracy")["items"]
    assert (of_window["n"], of_window["value"]) == (30, pytest.approx(0.5))
    (everywhere,) = ask(lines, "performance", segment=FLEET)["accuracy"]
    assert everywhere["estimate"]["value"] == pytest.approx(75 / 90)


def test_a_model_tells_the_lines_that_it_is_judged_by(lines: Seeded) -> None:
    (model,) = lines.http.get("models").json()["items"]
    assert model["own"] == [{"name": "segment.line", "values": ["A1", "A2", "A3"]}]


def test_coverage_is_told_of_a_line(lines: Seeded) -> None:
    told = ask(lines, "coverage", segment=LINE_A3)
    assert {stream["device"] for stream in told["streams"]} == {"cam-6", "cam-7", "cam-8"}
    assert told["totals"]["predictions"] == 450
    assert told["streams"][0].keys() == ask(lines, "coverage")["streams"][0].keys()
    (group,) = ask(lines, "coverage/groups", segment=LINE_A3)["items"]
    assert (group["devices"], group["received"]) == (3, 450)
    assert ask(lines, "coverage/groups", segment=f"{FLEET},segment.line=A9")["items"][0]["devices"] == 0


@pytest.mark.parametrize(
    ("table", "rows"), [("predictions", 30), ("labels", 30), ("windows", 3), ("profiles", None)]
)
def test_rows_of_a_line_are_exported(lines: Seeded, table: str, rows: int | None) -> None:
    whole, of_line = (exported(lines, table, segment) for segment in (FLEET, LINE_A3))
    assert 3 * of_line.num_rows == whole.num_rows
    assert rows in {None, of_line.num_rows}
    if "segment" in of_line.column_names:
        assert {dict(pairs)["line"] for pairs in of_line["segment"].to_pylist()} == {"A3"}


def exported(lines: Seeded, table: str, segment: str) -> pa.Table:
    answer = lines.http.get(f"export/{table}", params={"segment": segment})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


@pytest.mark.parametrize("table", ["deployments", "evaluations", "references"])
def test_what_does_not_tell_a_line_refuses_to_be_asked_for_one(lines: Seeded, table: str) -> None:
    answer = lines.http.get(f"export/{table}", params={"segment": LINE_A3})
    assert answer.status_code == 422
    assert f"{table} do not tell their segment.line; leave that filter out" in answer.json()["detail"]


def test_what_a_monitor_says_of_its_device_reaches_windows_and_predictions(tmp_path: Path) -> None:
    with serving(tmp_path) as collector:
        with driftline.Monitor(
            model=MODEL,
            version="2.0.0",
            device=driftline.Device(id="cam-1", type="camera-a", region="eu"),
            segment={"line": "A3"},
            endpoint=collector.url,
            sample_rate=1.0,
            spool_dir=tmp_path / "spool",
        ) as monitor:
            monitor.record({"ink": 0.25}, label="7")
        for table in ("stream_windows", "predictions"):
            query = f"SELECT DISTINCT segment['line'] AS line FROM {table}"
            wait_until(partial(collector.read, query))
            assert collector.read(query) == [{"line": "A3"}]
