"""The first page, and what there is: models, segments, and the system."""

from datetime import datetime, timedelta

import pytest
from driftline_collector.client import Client
from driftline_schemas.segments import Segment

from tests.api.seeded import Seeded
from tests.seeding.fleet import HOUR, SECOND

MOVED = "model=digits,version=*,device_type=camera-b,region=*"


def ns(time: str | None) -> int:
    assert time is not None
    return int(datetime.fromisoformat(time).timestamp()) * SECOND


def test_the_overview_names_what_fires_worst_first(small: Seeded) -> None:
    found = small.client.overview(model="digits").alerts
    assert [(alert.rule, alert.severity, alert.segment) for alert in found] == [
        ("drift", "critical", MOVED),
        ("silent", "warning", small.fleet.segment()),
    ]
    drift = found[0]
    assert {feature.name for feature in drift.features} == {"sharpness", "contrast", "__score__"}
    assert drift.value is not None
    assert drift.lower is not None
    assert drift.limit == 0.02
    assert 0.02 < drift.lower < drift.value
    assert ns(drift.since) == small.fleet.closed_ns - small.fleet.moved_hours * HOUR
    assert [(change.kind, change.before, change.after, change.devices) for change in drift.changes] == [
        ("firmware", "1.8", "1.9", 2)
    ]


def test_the_grid_has_each_type_in_each_region_with_its_verdict(small: Seeded) -> None:
    overview = small.client.overview(model="digits")
    assert [(cell.device_type, cell.region, cell.verdict) for cell in overview.grid] == [
        ("camera-a", "eu-west", "stable"),
        ("camera-b", "eu-west", "drifted"),
    ]
    drifted = overview.grid[1]
    assert drifted.worst_feature in {"sharpness", "contrast", "__score__"}
    assert drifted.lower is not None
    assert drifted.limit is not None
    assert drifted.lower > drifted.limit
    assert overview.window is not None
    assert ns(overview.window.end) == small.fleet.closed_ns


def test_the_grid_of_a_tier_has_types_that_are_judged_without_naming_it(small: Seeded) -> None:
    whole, of_tier = (small.client.overview(model="digits", tier=tier).grid for tier in (None, "device_edge"))
    assert of_tier == whole
    assert small.client.overview(model="digits", tier="network_edge").grid == ()


def test_tiles_count_what_devices_reported(small: Seeded) -> None:
    overview = small.client.overview(model="digits")
    rows = small.store._read(
        "SELECT CAST(sum(predictions) AS BIGINT) AS made FROM stream_windows WHERE end_ns > ?",
        small.fleet.now_ns - 24 * HOUR,
    )
    assert overview.predictions.value == rows["made"][0].as_py()
    assert overview.predictions.previous is None  # there are 41 minutes of the day before
    assert (overview.devices_expected, overview.devices_reported, overview.silent_devices) == (4, 3, 1)
    assert (overview.announced_lost, overview.lost) == (37, 90)
    assert ns(overview.data_up_to) == small.fleet.reported_ns
    assert overview.has_reference
    assert overview.has_labels


def test_a_comparison_is_with_as_long_a_time_before(small: Seeded) -> None:
    predictions = small.client.overview(model="digits", start="6h").predictions
    earlier = small.client.overview(model="digits", start="12h", end="6h").predictions
    assert predictions.previous is not None
    assert abs(predictions.previous - earlier.value) < 0.02 * earlier.value


def test_estimates_have_their_interval_and_their_rows(small: Seeded) -> None:
    accuracy = small.client.overview(model="digits").accuracy
    assert accuracy is not None
    assert accuracy.lower is not None
    assert accuracy.upper is not None
    assert accuracy.n is not None
    assert 0.8 < accuracy.lower < accuracy.value < accuracy.upper < 1
    assert accuracy.n > 100


def test_the_past_is_shown_as_it_stood_then(small: Seeded) -> None:
    then = small.client.overview(model="digits", start="8h", end="6h")
    assert (then.devices_expected, then.devices_reported, then.silent_devices) == (4, 4, 0)
    assert {cell.verdict for cell in then.grid} == {"stable"}
    assert {device.state for device in small.client.devices(start="8h", end="6h")} == {"ok"}


def test_filters_narrow_the_overview(small: Seeded) -> None:
    overview = small.client.overview(model="digits", device_type="camera-a")
    assert [cell.device_type for cell in overview.grid] == ["camera-a"]
    assert overview.devices_expected == 2
    by_key = small.client.overview(segment=small.fleet.segment(device_type="camera-a"), model="other")
    assert by_key.grid == overview.grid


def test_without_a_model_the_busiest_is_shown(small: Seeded) -> None:
    assert small.client.overview().model == "digits"
    of_version = small.client.overview(version="2.1.0")
    assert (of_version.model, of_version.devices_expected) == ("digits", 1)
    assert of_version.accuracy == small.client.overview(model="digits", version="2.1.0").accuracy is not None


def test_a_model_that_nobody_has_spoken_of_has_nothing_to_show(small: Seeded) -> None:
    overview = small.client.overview(model="nobody")
    assert (overview.grid, overview.alerts, overview.window, overview.data_up_to) == ((), (), None, None)
    assert not overview.has_reference
    assert not overview.has_labels
    assert overview.accuracy is None


def test_models_tell_their_versions_and_what_to_filter_by(small: Seeded) -> None:
    (model,) = small.client.models()
    assert (model.model, model.tiers) == ("digits", ("device_edge",))
    assert (model.device_types, model.regions) == (("camera-a", "camera-b"), ("eu-west",))
    assert {version.version for version in model.versions} == {"2.0.0", "2.1.0"}
    for version in model.versions:
        assert version.predictions > 0
        assert version.reference is not None
        assert version.reference.version == version.version


def test_segments_tell_their_verdict_in_the_window_that_is_asked_for(small: Seeded) -> None:
    now = {state.segment: state for state in small.client.segments(model="digits")}
    assert now[MOVED].verdict == "drifted"
    assert now[MOVED].finding
    assert now[small.fleet.segment(device_type="camera-a")].verdict == "stable"
    calm = datetime.fromisoformat(now[MOVED].window.start) - timedelta(hours=10)
    then = {state.segment: state for state in small.client.segments(model="digits", at=calm.isoformat())}
    assert then[MOVED].verdict == "stable"
    assert not then[MOVED].finding
    within = small.client.segments(segment=MOVED)
    assert all(Segment.parse(state.segment)["device_type"] == "camera-b" for state in within)


def test_the_system_page_counts_what_the_store_holds(small: Seeded) -> None:
    system = small.client.system()
    assert system.ingest.committed["predictions"] == small.fleet.samples
    assert (system.coverage.announced_lost, system.coverage.in_doubt) == (37, 20)
    assert system.database.bytes is not None
    assert system.database.disk_free is not None
    assert [(rule.name, rule.firing) for rule in system.rules] == [("drift", 1), ("silent", 1)]
    assert [(notifier.name, notifier.queued) for notifier in system.notifiers] == [("desk", 2)]
    assert {reference.version for reference in system.references} == {"2.0.0", "2.1.0"}
    assert system.ready
    assert "duckdb" in system.versions


def test_an_empty_collector_answers_everything(empty: Client) -> None:
    overview = empty.overview()
    assert (overview.model, overview.devices_expected, overview.grid) == (None, 0, ())
    assert len(empty.models()) == len(empty.segments()) == len(empty.devices()) == 0
    assert empty.heatmap().cells == ()
    assert empty.series(MOVED, "drift").points == ()
    assert len(empty.samples()) == len(empty.latency()) == len(empty.findings()) == 0
    assert empty.performance(MOVED).accuracy == ()
    assert empty.system().oldest is None


def test_a_request_waits_once_for_what_was_accepted_before_it_however_much_it_reads(
    small: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(small.store, "catch_up", lambda: waits.append(1))
    for asked in range(1, 4):
        small.client.overview(model="digits")
        assert len(waits) == asked
