"""When a window is closed."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from driftline_collector.analysis.windows import Window, is_closed

from tests.analysis.fleet import SECOND, START, WIDTH, window

JUDGED = Window(*window(10))
LATENESS = 10 * SECOND


def progress(*rows: tuple[str, int, int, bool], version: str = "2.0.0") -> pa.Table:
    """device, number of the first window, number of the last one, ended."""
    return pa.Table.from_pylist(
        [
            {
                "tier": "device_edge",
                "device": device,
                "version": version,
                "first_start_ns": window(first)[0],
                "last_end_ns": window(last)[1],
                "ended": ended,
            }
            for device, first, last, ended in rows
        ],
        schema=pa.schema(
            [
                ("tier", pa.string()),
                ("device", pa.string()),
                ("version", pa.string()),
                ("first_start_ns", pa.int64()),
                ("last_end_ns", pa.int64()),
                ("ended", pa.bool_()),
            ]
        ),
    )


def closed(rows: pa.Table, now_ns: int) -> bool:
    return is_closed(JUDGED, rows, now_ns=now_ns, lateness_ns=LATENESS)


def test_a_window_is_closed_once_every_device_has_reported_up_to_its_end() -> None:
    both = progress(("a", 7, 10, False), ("b", 8, 11, False))
    one = progress(("a", 7, 10, False), ("b", 8, 9, False))
    assert closed(both, JUDGED.end_ns)
    assert not closed(one, JUDGED.end_ns)


def test_an_offline_device_delays_it_only_to_the_lateness() -> None:
    offline = progress(("a", 7, 10, False), ("b", 7, 8, False))
    assert not closed(offline, JUDGED.end_ns + LATENESS - 1)
    assert closed(offline, JUDGED.end_ns + LATENESS)


def test_it_never_closes_before_its_end_whatever_devices_claim() -> None:
    assert not closed(progress(("a", 7, 12, False)), JUDGED.end_ns - 1)


def test_a_device_that_said_goodbye_is_not_waited_for() -> None:
    assert closed(progress(("a", 7, 10, False), ("b", 7, 8, True)), JUDGED.end_ns)


def test_a_device_that_came_later_is_not_waited_for() -> None:
    assert closed(progress(("a", 7, 10, False), ("b", 11, 11, False)), JUDGED.end_ns)


def test_a_device_that_went_on_under_another_version_is_one_device() -> None:
    before = progress(("a", 7, 9, False), version="2.0.0")
    after = progress(("a", 10, 10, False), version="2.1.0")
    assert closed(pa.concat_tables([before, after]), JUDGED.end_ns)
    goodbye = progress(("a", 7, 9, True), version="2.0.0")
    assert not closed(pa.concat_tables([goodbye, progress(("a", 9, 9, False))]), JUDGED.end_ns)


def test_without_any_device_it_waits_for_the_lateness() -> None:
    assert not closed(progress(), JUDGED.end_ns)
    assert closed(progress(), JUDGED.end_ns + LATENESS)


@pytest.mark.parametrize("moment", [START, START + 1, START + WIDTH - 1])
def test_windows_are_half_open_and_aligned(moment: int) -> None:
    assert Window.at(moment, WIDTH) == Window(START, START + WIDTH)


def test_windows_do_not_know_of_daylight_saving_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours: list[Any] = [
        Window.at(int(dt.datetime(2026, 3, 29, hour, 30, tzinfo=berlin).timestamp()) * SECOND, 3600 * SECOND)
        for hour in (1, 3)
    ]
    assert hours[1] == hours[0].after()
    day = Window.at(int(dt.datetime(2026, 3, 29, 12, tzinfo=berlin).timestamp()) * SECOND, 86400 * SECOND)
    assert day.width_ns == 86400 * SECOND
    assert day.start_ns % (86400 * SECOND) == 0
