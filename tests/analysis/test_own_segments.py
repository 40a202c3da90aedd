"""The user's own segments (`Monitor(segment={"line": "A3"})`) are judged as any other, within bounds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis import own_dimensions
from driftline_collector.analysis.counts import Cell
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.own_dimensions import MOST_VALUES, OwnDimensions
from driftline_collector.analysis.recent import Recent
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.reference import Reference

from tests.analysis.fleet import MODEL, START, Camera, Feed, healthy, register, shifted, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
LINE_A3 = f"{FLEET},segment.line=A3"
LINES = ("A1", "A2", "A3")
DAY = 24 * 3600 * 10**9


def on_lines(each: int = 3, lines: Sequence[str] = LINES, **more: str) -> list[Camera]:
    """So many cameras of one type in one region on each line, with `more` dimensions of one value."""
    return [
        Camera(f"cam-{line}-{i}", segment=(("line", line), *more.items()))
        for line in lines
        for i in range(each)
    ]


def judge(store: DuckDBStore, number: int = 0, recent: Recent | None = None, **policy: Any) -> WindowResult:
    judged = Window(*window(number))
    return evaluate(store, MODEL, judged, Policy(**policy), now_ns=judged.end_ns, recent=recent)


def fed(feed: Feed, cameras: Sequence[Camera], *, moved: str = "", rows: int = 150, number: int = 0) -> None:
    """A window of each camera; the line that `moved` sees something else."""
    rng = np.random.default_rng((11, number))
    for camera in cameras:
        by = 1.0 if dict(camera.segment).get("line") == moved else 0.0
        feed.window(camera, number, shifted(healthy(rows, rng), by), escalated=3)
    feed.commit()


def segments(result: WindowResult, measure: str = "drift") -> set[str]:
    return {e.segment for e in result.evaluations if e.measure == measure and e.feature is None}


def about(result: WindowResult, segment: str, measure: str = "drift") -> Evaluation:
    (found,) = (
        e for e in result.evaluations if (e.segment, e.measure, e.feature) == (segment, measure, None)
    )
    return found


def test_a_line_that_drifts_is_found_as_that_line_and_nothing_else(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, on_lines(), moved="A3")
    result = judge(store)
    assert result.findings == (LINE_A3,)
    for line, verdict in (("A1", "stable"), ("A2", "stable"), ("A3", "drifted")):
        assert about(result, f"{FLEET},segment.line={line}").verdict == verdict
    assert about(result, LINE_A3).n == 450


def test_every_measure_is_told_of_each_line(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, on_lines())
    result = judge(store)
    lines = {f"{FLEET},segment.line={line}" for line in LINES}
    for measure in ("drift", "coverage", "silent_devices", "escalation_rate", "quality"):
        assert lines < segments(result, measure), measure
    assert about(result, LINE_A3, "silent_devices").devices == 3
    assert about(result, LINE_A3, "escalation_rate").n == 450


def test_a_fleet_without_own_segments_is_judged_as_before(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, [replace(camera, segment=()) for camera in on_lines()])
    result = judge(store)
    assert not any("segment." in e.segment for e in result.evaluations)
    assert len(segments(result)) == 8  # one cell, each of its three dimensions named or not
    assert result.table().equals(judge(store, segments=[]).table())
    assert about(result, FLEET, "coverage").details == {"against": "registered"}


def test_devices_that_do_not_tell_their_line_are_on_an_unknown_one(store: DuckDBStore, feed: Feed) -> None:
    cameras = on_lines(lines=("A3", "A4"))
    fed(feed, [*cameras[:3], *(replace(camera, segment=()) for camera in cameras[3:])], moved="A3")
    result = judge(store)
    assert result.findings == (LINE_A3,)
    assert about(result, f"{FLEET},segment.line=unknown").verdict == "stable"


def test_a_cloud_that_answers_all_lines_is_on_none(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, [*on_lines(), Camera("oracle", tier="cloud")], moved="A3")
    result = judge(store)
    assert result.findings == (LINE_A3,)
    of_cloud = {segment for segment in segments(result) if "tier=cloud" in segment}
    assert len(of_cloud) == 8
    assert not any("segment." in segment for segment in of_cloud)


def test_one_value_tells_nothing_apart_and_is_not_judged(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, on_lines(site="north"))
    result = judge(store)
    assert not any("segment.site" in segment for segment in segments(result))
    assert about(result, FLEET, "coverage").details == {"against": "registered", "constant": ["segment.site"]}


def test_a_value_for_each_device_is_not_judged_and_that_is_said(store: DuckDBStore, feed: Feed) -> None:
    cameras = [
        replace(camera, segment=(*camera.segment, ("serial", str(i))))
        for i, camera in enumerate(on_lines(each=MOST_VALUES // 3 + 1))
    ]
    fed(feed, cameras, moved="A3", rows=20)
    result = judge(store)
    assert result.findings == (LINE_A3,)
    left_out = (about(result, FLEET, "coverage").details or {})["left_out"]
    assert left_out == {"segment.serial": f"it has {len(cameras)} values, more than {MOST_VALUES}"}


def test_of_many_the_first_two_are_judged_unless_a_setting_names_others(
    store: DuckDBStore, feed: Feed
) -> None:
    cameras = [
        replace(camera, segment=(*camera.segment, ("belt", "ab"[i % 2]), ("shift", "xy"[i % 2])))
        for i, camera in enumerate(on_lines())
    ]
    fed(feed, cameras)
    span = MODEL, window(0)[0], Window(*window(0))
    found = OwnDimensions.of(store, *span)
    assert found.judged == ("segment.belt", "segment.line")
    assert "the first by alphabet" in found.left_out["segment.shift"]
    assert OwnDimensions.of(store, *span, ["shift"]).judged == ("segment.shift",)
    assert OwnDimensions.of(store, *span, []) == OwnDimensions()
    named = judge(store, segments=["shift"], model_segments={"letters": ["line"]})
    assert any("segment.shift=x" in segment for segment in segments(named))
    assert not any("segment.line" in segment for segment in segments(named))


def test_what_would_make_too_many_cells_is_left_out(
    store: DuckDBStore, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed(feed, on_lines())
    monkeypatch.setattr(own_dimensions, "MOST_CELLS", 2)
    found = OwnDimensions.of(store, MODEL, window(0)[0], Window(*window(0)))
    assert found.judged == ()
    assert found.left_out == {"segment.line": "it would make 3 cells of all devices, more than 2"}


def test_a_dimension_that_nobody_sends_is_said_to_be_missing(store: DuckDBStore, feed: Feed) -> None:
    fed(feed, on_lines())
    found = OwnDimensions.of(store, MODEL, window(0)[0], Window(*window(0)), ["lien"])
    assert found.judged == ()
    assert found.left_out == {"segment.lien": "no device has sent it of late"}


def test_windows_are_merged_by_line(store: DuckDBStore, feed: Feed) -> None:
    """A shift that one window is too short to show, in one line only."""
    cameras, rng = on_lines(), np.random.default_rng(3)
    for number in range(12):
        for camera in cameras:
            by = 0.35 if dict(camera.segment)["line"] == "A3" else 0.0
            feed.window(camera, number, shifted(healthy(25, rng), by, ["x01"]))
        feed.commit()
    assert judge(store, 0).findings == ()
    assert judge(store, 11).findings == (LINE_A3,)


def test_what_was_read_without_a_dimension_is_read_again_with_it(store: DuckDBStore, feed: Feed) -> None:
    recent, cameras = Recent(store, 0), on_lines()
    fed(feed, cameras, moved="A3", rows=60)
    fed(feed, cameras, moved="A3", rows=60, number=1)
    judge(store, 0, recent, segments=[])
    kept = judge(store, 1, recent)
    assert kept.findings == judge(store, 1).findings == (LINE_A3,)
    assert {e.segment: e.p for e in kept.evaluations} == {e.segment: e.p for e in judge(store, 1).evaluations}


def test_a_device_that_changes_its_line_is_missed_on_neither(store: DuckDBStore, feed: Feed) -> None:
    cameras = on_lines()
    fed(feed, cameras)
    moved = [replace(cameras[0], segment=(("line", "A2"),)), *cameras[1:]]
    fed(feed, moved, number=1)
    result = judge(store, 1)
    silent = {e.segment: e.value for e in result.evaluations if e.measure == "silent_devices"}
    assert set(silent.values()) == {0.0}
    assert about(result, f"{FLEET},segment.line=A2", "coverage").devices == 4
    devices = [e.segment for e in result.evaluations if e.measure == "device"]
    assert len(devices) == len(set(devices)) == len(cameras)


def test_lines_are_compared_with_their_own_past(store: DuckDBStore, feed: Feed) -> None:
    """Line A1 has always been another one than the reference knows; A3 has not."""
    cameras, rng = on_lines(), np.random.default_rng(4)
    days = [Window(START + day * DAY, START + (day + 1) * DAY) for day in range(9)]
    feed.now_ns = days[-1].end_ns
    for number, day in enumerate(days):
        for camera in cameras:
            line = dict(camera.segment)["line"]
            moved = line == "A1" or (line == "A3" and number == 8)
            feed.add(camera, day.start_ns, day.end_ns, shifted(healthy(150, rng), float(moved)))
        feed.commit()
    result = evaluate(store, MODEL, days[-1], Policy(against="rolling"), now_ns=days[-1].end_ns)
    assert result.findings == (LINE_A3,)
    assert (about(result, LINE_A3).details or {})["compared_with"].startswith("8 past windows")
    assert about(result, f"{FLEET},segment.line=A1").verdict == "stable"


def test_what_was_gathered_without_lines_is_gathered_again_with_them(store: DuckDBStore, feed: Feed) -> None:
    cameras, rng = on_lines(), np.random.default_rng(4)
    binning = feed.binning.id if feed.binning else ""
    day = Window(START, START + DAY)
    feed.now_ns = day.end_ns
    for camera in cameras:
        feed.add(camera, day.start_ns, day.end_ns, healthy(60, rng))
    feed.commit()
    for segments_of in ([], ["line"]):
        policy = Policy(against="rolling", segments=segments_of)
        result = evaluate(store, MODEL, day, policy, now_ns=day.end_ns + len(segments_of))
        store.submit({"window_counts": result.gathered}).result(30)
    span = MODEL, binning, day.start_ns, day.end_ns
    assert store.cell_counts(*span).num_rows == 3
    lines = store.cell_counts(*span, ["segment.line"])
    assert sorted(lines["segment.line"].to_pylist()) == list(LINES)
    assert store.cell_counts(*span, ["segment.line", "segment.shift"]).num_rows == 0
    both = store.counted_cells(MODEL, binning, [day.start_ns], DAY, ["segment.line"])
    assert both.num_rows == 3


def test_samples_of_lines_that_count_nothing_are_judged_by_line(
    store: DuckDBStore, reference: Reference
) -> None:
    register(store, reference)
    rng = np.random.default_rng(8)
    names = [f.name for f in reference.binning.features if f.kind == "numeric" and f.name[0] == "x"]
    rows, pairs = [], []
    for camera in on_lines():
        by = 1.0 if dict(camera.segment)["line"] == "A3" else 0.0
        values = shifted(healthy(200, rng), by)
        for i in range(200):
            row = {**camera.dimensions(), "id": f"{camera.name}-{i}", "time_ns": START + i}
            row |= {"probability": 0.5, "reasons": ["random"], "feature_set": 1}
            rows.append({**row, "numbers": [float(values[name][i]) for name in names], "texts": []})
            pairs.append(list(camera.segment))
    sets = pa.table({"id": [1], "names": [names], "types": [["number"] * len(names)]})
    table = pa.Table.from_pylist(rows, schema=None)
    table = table.set_column(
        table.column_names.index("texts"), "texts", pa.array([[]] * len(rows), pa.list_(pa.string()))
    ).append_column("segment", pa.array(pairs, pa.map_(pa.string(), pa.string())))
    store.submit({"predictions": table, "feature_sets": sets}).result(30)
    result = judge(store)
    assert result.findings == (LINE_A3,)
    assert about(result, f"{FLEET},segment.line=A1").verdict == "stable"


def test_names_and_values_that_hurt_are_names_and_values(store: DuckDBStore, feed: Feed) -> None:
    name, values = "li'ne\",x=1 $own_0", ("a,b=c", "%2A", "\x1f'; --")
    cameras = [Camera(f"cam-{i}", segment=((name, values[i % 3]),)) for i in range(9)]
    fed(feed, cameras)
    result = judge(store)
    named = {e.segment for e in result.evaluations if e.measure == "drift" and "segment." in e.segment}
    assert len(named) == 3 * 8


def test_a_lattice_prefers_what_all_models_have_to_what_is_the_users_own() -> None:
    cells = [Cell("1", kind, "eu", "device_edge", (line,)) for kind in "ab" for line in ("A1", "A2")]
    lattice = Lattice.of(cells, ["segment.line"])
    assert len(lattice.nodes) == 2 * 3 * 2 * 3
    assert lattice.nodes[:3] == ((None,) * 5, ("1", *[None] * 4), (None, "a", None, None, None))
    one_named = [node for node in lattice.nodes if sum(value is not None for value in node) == 1]
    assert one_named[-2:] == [(*[None] * 4, "A1"), (*[None] * 4, "A2")]
    assert [lattice.nodes[i] for i in lattice.leaves] == [(*c[:3], None, *c.own) for c in lattice.cells]


def test_a_lattice_names_nothing_that_does_not_vary() -> None:
    cells = [Cell("1", "a", region, "device_edge", ("A1", "x")) for region in ("eu", "us")]
    lattice = Lattice.of(cells, ["segment.line", "segment.shift"])
    assert all(node[3:] == (None,) * 3 for node in lattice.nodes)
    assert lattice.members[lattice.leaves].tolist() == [[True, False], [False, True]]
