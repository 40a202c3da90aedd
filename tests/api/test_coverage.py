"""How much of what was made has arrived, over HTTP."""

import pytest
from driftline_collector.client import ClientError

from tests.api.seeded import Seeded


def test_coverage_is_told_by_what_devices_have_in_common(small: Seeded) -> None:
    (whole,) = small.client.coverage_groups(start="30h")
    assert (whole.by, whole.devices) == ({}, 4)
    assert whole.lost == 37  # announced for the stream that died
    assert whole.made == whole.received + whole.lost
    assert whole.share == pytest.approx(whole.received / whole.made)
    by_type = small.client.coverage_groups(["device_type", "region"], start="30h")
    assert [group.by["device_type"] for group in by_type] == ["camera-a", "camera-b"]
    assert sum(group.made for group in by_type) == whole.made
    by_device = {group.by["device"]: group for group in small.client.coverage_groups(["device"], start="30h")}
    assert [by_device[name].lost for name in sorted(by_device)] == [0, 0, 37, 0]
    assert by_device["cam-0000"].share == 1.0


def test_by_hour_the_hours_add_up(small: Seeded) -> None:
    hours = small.client.coverage_groups(["hour"], start="2026-11-21T00:00:00Z")
    assert [group.by["hour"] for group in hours] == [f"2026-11-21T{hour:02}:00:00.000Z" for hour in range(10)]
    (whole,) = small.client.coverage_groups(start="2026-11-21T00:00:00Z")
    assert sum(group.received for group in hours) == whole.received
    part = small.client.coverage_groups(["hour"], start="2026-11-21T00:00:00Z", limit=3)
    assert (len(part), part[2]) == (3, hours[2])
    with pytest.raises(ClientError, match="31 days at most"):
        small.client.coverage_groups(["hour"], start="40d")
    with pytest.raises(ClientError, match="by"):
        small.client.coverage_groups(["colour"])


def test_of_nothing_there_is_no_share(small: Seeded) -> None:
    (nothing,) = small.client.coverage_groups(region="mars")
    assert (nothing.received, nothing.made, nothing.share) == (0, 0, None)
    assert small.client.coverage_groups(["region"], region="mars").items == ()
