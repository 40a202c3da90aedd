"""The ledger names causes as findings are named, and knows which verdicts have no cause."""

from driftline_schemas.segments import Segment

from examples.digits_fleet.plan import MODEL, VERSIONS, make_fleet
from examples.digits_fleet.scenario import ROLLOUT_REGION, Ledger, Timeline, name_of, rolled_out

FLEET = make_fleet("http://127.0.0.1:1")


def segment(**dimensions: str) -> Segment:
    return Segment.of({"model": MODEL, **dimensions})


def test_the_fleet_has_both_versions_of_every_type_in_every_region() -> None:
    assert len({device.id for device in FLEET}) == len(FLEET) == 36
    assert {device.row for device in FLEET} == set(range(36))
    for kind in ("camera-a", "camera-b", "camera-c"):
        for region in ("eu-west", "us-east", "ap-south"):
            assert [d.version for d in FLEET if (d.type, d.region) == (kind, region)] == list(VERSIONS)


def test_a_cause_is_named_by_the_fewest_dimensions_that_hold_just_its_devices() -> None:
    assert name_of({"device_type": "camera-b"}, FLEET) == segment(device_type="camera-b")
    both = {"device_type": "camera-b", "region": "eu-west"}
    assert name_of(both, FLEET) == segment(**both)


def test_a_version_that_lives_in_one_region_is_named_by_the_version_alone() -> None:
    scope = {"version": "2.1.0", "region": ROLLOUT_REGION}
    assert name_of(scope, rolled_out(FLEET)) == segment(version="2.1.0")


def test_a_verdict_is_wrong_unless_a_cause_touches_its_devices_in_its_time() -> None:
    ledger = Ledger()
    cause = ledger.begin("camera", {"device_type": "camera-b"}, FLEET, at=100.0)
    everyone, struck, spared = segment(), segment(device_type="camera-b"), segment(device_type="camera-a")
    assert ledger.is_wrong(everyone, 95.0, 100.0)
    assert not ledger.is_wrong(everyone, 100.0, 105.0)
    assert not ledger.is_wrong(struck, 98.0, 103.0)
    assert ledger.is_wrong(spared, 100.0, 105.0)
    cause.ended = 110.0
    assert not ledger.is_wrong(struck, 105.0, 110.5)
    assert ledger.is_wrong(struck, 110.0, 115.0)


def test_each_cause_brings_a_firing_alert_and_a_resolved_one_once_it_has_ended() -> None:
    ledger = Ledger()
    ledger.begin("camera", {"device_type": "camera-b"}, FLEET, at=100.0).ended = 130.0
    ledger.begin("mistake", {"version": "2.1.0"}, rolled_out(FLEET), at=120.0)
    camera, mistake = str(segment(device_type="camera-b")), str(segment(version="2.1.0"))
    assert {(a.state, a.segment, a.caused_at) for a in ledger.expected_alerts()} == {
        ("firing", camera, 100.0),
        ("firing", mistake, 120.0),
        ("resolved", camera, 130.0),
    }


def test_only_the_healthy_phase_gives_way_when_time_is_short() -> None:
    long, short = Timeline.fitting(110, 5.0), Timeline.fitting(60, 5.0)
    assert long.camera_degrades == 55.0
    assert short.camera_degrades == 40.0
    assert long.end - long.camera_degrades == short.end - short.camera_degrades
    for timeline in (long, short):
        assert timeline.uplink_lost < timeline.killed < timeline.restarted < timeline.uplink_back
        assert timeline.uplink_back < timeline.camera_degrades < timeline.rollout < timeline.camera_mended
