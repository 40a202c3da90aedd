"""Single cases: samples, one prediction with its truth and its trace, and all that an alert's page shows."""

import shlex
from datetime import datetime
from typing import Any

import pytest
from driftline_collector.client import AlertDetail, ClientError, PredictionDetail, Sample

from tests.api.seeded import Seeded
from tests.seeding.fleet import HOUR, SECOND
from tests.seeding.samples import prediction_id

MOVED = "model=digits,version=*,device_type=camera-b,region=*"


def ns(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp()) * SECOND


def stored(small: Seeded, query: str, *values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = small.store._read(query, *values).to_pylist()
    return rows


def test_samples_come_latest_first_and_whole(small: Seeded) -> None:
    found = small.client.samples(model="digits", start="48h", limit=1000)
    assert len(found) == small.fleet.samples
    assert [sample.time for sample in found] == sorted((sample.time for sample in found), reverse=True)
    (row,) = stored(small, "SELECT * FROM predictions ORDER BY time_ns DESC, id LIMIT 1")
    latest = found[0]
    assert (latest.id, latest.device, latest.label) == (row["id"], row["device"], row["label"])
    assert (latest.score, latest.probability) == (row["score"], row["probability"])
    assert latest.reasons == tuple(row["reasons"])
    assert latest.cloud_label == row["escalation_label"]


def test_parts_of_samples_join_to_the_whole_also_while_new_ones_come(small: Seeded) -> None:
    whole = small.client.samples(model="digits", start="48h", limit=1000).items
    found: list[Sample] = []
    cursor = None
    while len(found) < 200:
        part = small.client.samples(model="digits", start="48h", limit=37, cursor=cursor)
        found += part.items
        cursor = part.next
    assert tuple(found) == whole[: len(found)]


def test_samples_are_chosen_by_what_they_are(small: Seeded) -> None:
    by_label = small.client.samples(segment=MOVED, label="7", start="48h")
    assert len(by_label) > 0
    assert {(sample.device_type, sample.label) for sample in by_label} == {("camera-b", "7")}
    sure = small.client.samples(min_score=0.9, start="48h")
    assert all((sample.score or 0.0) >= 0.9 for sample in sure)
    (count,) = stored(small, "SELECT count(*) AS n FROM predictions WHERE score <= 0.5")
    assert len(small.client.samples(max_score=0.5, start="48h")) == count["n"]
    assert {sample.device for sample in small.client.samples(device="cam-0001")} == {"cam-0001"}


def test_samples_bring_the_feature_that_is_asked_for(small: Seeded) -> None:
    (row,) = stored(small, "SELECT numbers, texts FROM predictions ORDER BY time_ns DESC, id LIMIT 1")
    assert small.client.samples(feature="contrast", limit=1)[0].feature_value == row["numbers"][1]
    assert small.client.samples(feature="stroke_0", limit=1)[0].feature_value == row["texts"][0]
    assert len(small.client.samples(feature="colour")) == 0


def escalated(small: Seeded) -> PredictionDetail:
    (row,) = stored(
        small,
        "SELECT id FROM predictions WHERE trace_id IS NOT NULL AND id IN (SELECT prediction_id FROM labels)"
        " ORDER BY id LIMIT 1",
    )
    return small.client.prediction(row["id"])


def test_a_prediction_is_told_with_edge_cloud_and_truth(small: Seeded) -> None:
    detail = escalated(small)
    (label,) = stored(small, "SELECT * FROM labels WHERE prediction_id = ?", detail.sample.id)
    assert detail.edge is not None
    assert detail.edge.label == detail.sample.label
    assert detail.edge.reason == "score"
    assert detail.cloud is not None
    assert detail.cloud.score == 0.99
    assert detail.truth is not None
    assert (detail.truth.label, detail.truth.source) == (label["label"], "human")
    assert detail.truth.lag_s > 0
    assert detail.sample.true_label == label["label"]
    assert detail.attributes == {"lens": "wide"}


def test_a_trace_goes_from_the_edge_to_the_cloud_and_is_nested(small: Seeded) -> None:
    detail = escalated(small)
    edge, network, cloud = detail.spans
    assert [span.tier for span in detail.spans] == ["device_edge", "network_edge", "cloud"]
    assert (edge.parent_span_id, network.parent_span_id, cloud.parent_span_id) == (
        None,
        edge.span_id,
        network.span_id,
    )
    assert (edge.duration, network.duration, cloud.duration) == (0.08, 0.066, 0.04)
    assert edge.start < network.start < cloud.start
    assert detail.trace_id is not None
    assert len(detail.trace_id) == 32


def test_features_stand_where_they_lie_in_the_reference(small: Seeded) -> None:
    detail = escalated(small)
    by_name = {feature.name: feature for feature in detail.features}
    assert list(by_name) == list(small.fleet.feature_names)
    seen = by_name["contrast"]
    assert isinstance(seen.value, float)
    assert seen.percentile is not None
    assert abs(seen.percentile - 100 * seen.value) <= 2.6  # 20 equal bins from 0 to 1
    assert seen.reference_share == 0.05
    text = by_name["stroke_0"]
    assert text.bin == text.value
    assert text.percentile is None


def test_a_value_that_is_missing_is_said_to_be(small: Seeded) -> None:
    (row,) = stored(small, "SELECT id FROM predictions WHERE isnan(numbers[1]) ORDER BY id LIMIT 1")
    seen = small.client.prediction(row["id"]).features[0]
    assert (seen.value, seen.bin, seen.percentile) == (None, "missing", None)


@pytest.mark.parametrize(
    ("made_ns", "reason"),
    [
        (-48 * HOUR, "expired: it was made at 2026-11-19T09:41:20.000Z, and the oldest sample that is kept"),
        (-12 * HOUR, r"not sampled \(1 in 50 kept\): it was made at 2026-11-20T21:41:20.000Z"),
        (+2 * HOUR, "was never seen here"),
    ],
)
def test_a_prediction_that_is_not_here_is_told_why(small: Seeded, made_ns: int, reason: str) -> None:
    identity = prediction_id(small.fleet.now_ns + made_ns, 123_456_789)
    with pytest.raises(ClientError, match=reason) as caught:
        small.client.prediction(identity)
    assert caught.value.status == 404


@pytest.mark.parametrize("identity", ["nonsense", "00000000-0000-4000-8000-000000000000", "..", "a/b", "'"])
def test_an_id_that_is_none_was_never_seen(small: Seeded, identity: str) -> None:
    with pytest.raises(ClientError, match="was never seen here: check the id"):
        small.client.prediction(identity)


def drift_alert(small: Seeded) -> AlertDetail:
    (found,) = (a for a in small.client.alerts() if a.rule == "drift" and a.state == "firing")
    return small.client.alert(found.id)


def test_an_alert_is_told_with_what_stands_around_it(small: Seeded) -> None:
    detail = drift_alert(small)
    assert detail.alert.segment == MOVED
    assert detail.evaluation is not None
    assert (detail.evaluation.verdict, detail.evaluation.feature) == ("drifted", None)
    assert {feature.name for feature in detail.features} == {"sharpness", "contrast", "__score__"}
    lowers = [feature.lower or 0.0 for feature in detail.features]
    assert lowers == sorted(lowers, reverse=True)
    assert [device.device for device in detail.devices] == ["cam-0001"]
    assert [change.kind for change in detail.changes] == ["firmware"]
    assert {sample.device_type for sample in detail.samples} <= {"camera-b"}


def test_what_sets_the_affected_devices_apart_comes_with_both_shares(small: Seeded) -> None:
    detail = drift_alert(small)
    found = {(a.dimension, a.value): (a.share_inside, a.share_elsewhere) for a in detail.apart}
    assert ("device_type", "camera-b") not in found  # the segment says so already
    assert found["version", "2.0.0"] == (1.0, 2 / 3)
    for inside, elsewhere in found.values():
        assert elsewhere is None or inside > elsewhere


def test_the_range_of_an_alert_begins_twelve_windows_before_it(small: Seeded) -> None:
    detail = drift_alert(small)
    begun = small.fleet.closed_ns - small.fleet.moved_hours * HOUR
    assert ns(detail.range.start) == begun - 12 * HOUR
    assert ns(detail.range.end) >= begun + HOUR


def test_the_command_that_silences_can_be_pasted(small: Seeded) -> None:
    detail = drift_alert(small)
    command = shlex.split(detail.silence_command)
    assert command[:3] == ["driftline", "alerts", "silence"]
    assert detail.alert.id in command


def test_an_unknown_alert_is_said_to_be_unknown(small: Seeded) -> None:
    with pytest.raises(ClientError, match="there is no alert 'alert_x'") as caught:
        small.client.alert("alert_x")
    assert caught.value.status == 404


def test_alerts_are_listed_by_state_and_model(small: Seeded) -> None:
    assert {alert.state for alert in small.client.alerts(["resolved"])} == {"resolved"}
    assert len(small.client.alerts(["resolved"])) == small.fleet.old_alerts
    assert len(small.client.alerts(model="letters")) == 0
    assert len(small.client.alerts(model="digits", limit=2)) == 2


def test_an_alert_says_since_when_it_drifts_in_what_and_on_which_devices_most(small: Seeded) -> None:
    detail = drift_alert(small)
    changed = detail.changed
    assert changed is not None
    assert changed.feature == detail.features[0].name
    assert changed.onset is not None
    assert changed.onset.at is not None
    assert changed.onset.earliest is not None
    begun = small.fleet.closed_ns - small.fleet.moved_hours * HOUR
    assert ns(changed.onset.earliest) < begun < ns(changed.onset.latest)
    (only,) = changed.contributors  # the one camera-b of a small fleet that reports
    assert (changed.attribution.cause, changed.attribution.what) == ("device", f"device={only.device}")
    assert only.share == pytest.approx(1.0)
    assert only.n > 0


def test_features_of_an_alert_have_their_direction(small: Seeded) -> None:
    directions = {feature.name: feature.direction for feature in drift_alert(small).features}
    assert directions["sharpness"] == "lower"
