"""The devices: which there are, how they are, and what happened to one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from driftline_collector.client import ClientError, Device
from driftline_collector.store.queued import Waiting

from tests.api.seeded import Seeded, seeded
from tests.seeding import SMALL
from tests.seeding.fleet import HOUR, REPORT


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Twelve devices of every fate."""
    fleet = replace(SMALL, devices=12, regions=2, silent=2, idle=1, ended=1, new=1, samples=60, old_alerts=0)
    with seeded(tmp_path_factory.mktemp("varied") / "api.duckdb", fleet) as running:
        yield running


def test_every_device_has_the_state_that_befell_it(varied: Seeded) -> None:
    told = {"ok": "ok", "silent": "silent", "idle": "idle", "ended": "ended", "new": "new"}
    moved = varied.fleet.moved_type
    expected = {
        member.name: "moved" if member.fate == "ok" and member.device_type == moved else told[member.fate]
        for member in varied.fleet.members
    }
    assert {device.device: device.state for device in varied.client.devices()} == expected
    assert set(expected.values()) == {"ok", "moved", "silent", "idle", "ended", "new"}


def test_a_device_is_told_with_its_numbers(varied: Seeded) -> None:
    by_name = {device.device: device for device in varied.client.devices()}
    moved = by_name["cam-0001"]
    assert (moved.device_type, moved.region, moved.firmware) == ("camera-b", "eu-west", "1.9")
    assert moved.worst_feature in {"sharpness", "contrast", "__score__"}
    calm = by_name["cam-0000"]
    assert moved.worst_effect is not None
    assert calm.worst_effect is not None
    assert moved.worst_effect > 10 * calm.worst_effect
    assert moved.p95 is not None
    assert calm.p95 is not None
    assert moved.p95 > calm.p95
    assert by_name["cam-0001"].spool_age == 1.0
    assert by_name["cam-0002"].lost == 127  # 37 announced by a stream that died, and 90 records of it missing


def test_devices_are_filtered_by_state_and_place(varied: Seeded) -> None:
    assert {d.device for d in varied.client.devices(state="silent")} == {
        member.name for member in varied.fleet.members if member.fate == "silent"
    }
    two = varied.http.get("/devices", params={"state": ["new", "ended"]}).json()["items"]
    assert {device["state"] for device in two} == {"new", "ended"}
    there = varied.client.devices(region="us-east", device_type="camera-b")
    assert {(d.region, d.device_type) for d in there} == {("us-east", "camera-b")}


def test_devices_are_sorted_by_any_column_with_the_unknown_last(varied: Seeded) -> None:
    effects = [device.worst_effect for device in varied.client.devices(sort="-worst_effect")]
    known = [effect for effect in effects if effect is not None]
    assert known == sorted(known, reverse=True)
    assert effects[: len(known)] == known
    assert None in effects
    names = [device.device for device in varied.client.devices(sort="-device")]
    assert names == sorted(names, reverse=True)


def test_parts_of_a_list_join_to_the_whole(varied: Seeded) -> None:
    whole = varied.client.devices().items
    found: list[Device] = []
    cursor = None
    while True:
        part = varied.client.devices(limit=5, cursor=cursor)
        found += part.items
        cursor = part.next
        if cursor is None:
            break
        assert len(part) == 5
    assert tuple(found) == whole


def test_one_device_is_told_with_its_streams(varied: Seeded) -> None:
    detail = varied.client.device("cam-0002")
    assert detail.device.device == "cam-0002"
    assert len(detail.streams) == 2
    dead = next(stream for stream in detail.streams if stream.stream.startswith("dead"))
    assert (dead.made, dead.lost, dead.in_doubt, dead.missing) == (5000, 37, 20, 90)
    assert dead.ended is not None
    alive = next(stream for stream in detail.streams if stream is not dead)
    assert alive.ended is None
    assert alive.counted >= detail.device.predictions


def test_a_device_over_time_shows_gaps_volume_and_its_segment(varied: Seeded) -> None:
    silent = next(member for member in varied.fleet.members if member.fate == "silent")
    series = varied.client.device_series(silent.name, start="6h")
    gaps = [point.gap for point in series.points]
    assert not gaps[0]
    assert all(gaps[-(2 * HOUR // REPORT) + 1 :])
    assert all(point.predictions == 0 for point in series.points if point.gap)
    moved = varied.client.device_series("cam-0001", start="12h", points=24)
    assert len(moved.points) <= 24
    judged = [point for point in moved.points if point.effect is not None]
    assert len(judged) >= 10
    assert all(point.segment_median_effect is not None for point in judged)
    fine = varied.client.device_series("cam-0001", start="6h", points=1000)
    closed = [point for point in fine.points if point.end <= "2026-11-21T09:00:00.000Z"]
    assert len(closed) == 64  # from 03:40 on, in windows of 5 minutes
    assert all(point.effect is not None for point in closed)
    assert {point.effect for point in fine.points[len(closed) :]} == {None}
    assert [(change.kind, change.after) for change in moved.changes] == [("firmware", "1.9")]


def test_buckets_of_a_device_add_up_to_what_it_made(varied: Seeded) -> None:
    made = varied.client.device("cam-0000", start="20h").device.predictions
    for points in (1, 7, 1000):
        series = varied.client.device_series("cam-0000", start="20h", points=points)
        assert len(series.points) <= max(points, 2)
        assert sum(point.predictions for point in series.points) == made


def test_an_unknown_device_is_said_to_be_unknown(varied: Seeded) -> None:
    with pytest.raises(ClientError, match="no device 'cam-9999' has ever reported") as caught:
        varied.client.device("cam-9999")
    assert caught.value.status == 404
    with pytest.raises(ClientError, match="it last did at 2026-11-21T") as caught:
        varied.client.device_series("cam-0000", start="2026-11-01T00:00:00Z", end="2026-11-02T00:00:00Z")
    assert caught.value.status == 404


def test_a_device_whose_word_may_wait_in_the_journal_is_not_silent(
    varied: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = 2.0 * REPORT / 1e9 + 86_400
    monkeypatch.setattr(varied.store, "waiting", lambda: Waiting(bytes=1, oldest_s=long, fault=None))
    assert list(varied.client.devices(state="silent")) == []
    assert varied.client.overview().silent_devices == 0
