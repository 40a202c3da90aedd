"""Hours of the week that a reference knows: read off the times of its rows, as many as rows allow."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from driftline_schemas.errors import SchemaError
from driftline_schemas.hours import LEAST_DAYS, LEAST_ROWS, LEAST_ROWS_APART
from driftline_schemas.reference import Reference
from driftline_schemas.times import hours_of

MONDAY = dt.datetime(2026, 6, 1, 8, 30, tzinfo=dt.UTC)
SECONDS = MONDAY.timestamp()


@pytest.mark.parametrize(
    "time",
    [
        MONDAY,
        MONDAY.replace(tzinfo=None),
        "2026-06-01T08:30:00Z",
        "2026-06-01 08:30",
        "2026-06-01T10:30:00+02:00",
        np.datetime64("2026-06-01T08:30"),
        SECONDS,
        int(SECONDS) * 10**3,
        int(SECONDS) * 10**6,
        int(SECONDS) * 10**9,
    ],
)
def test_a_time_is_the_same_hour_however_it_is_written(time: Any) -> None:
    for times in ([time], np.array([time])):
        hour, day = hours_of(times)
        assert (hour.tolist(), day.tolist()) == ([8], [20605])


def test_times_are_told_in_the_zone_and_those_that_tell_none_are_of_it() -> None:
    times = [MONDAY, MONDAY.replace(month=12), MONDAY.replace(tzinfo=None), "2026-06-01T08:30"]
    hour, _ = hours_of(times, "Europe/Berlin")
    assert hour.tolist() == [10, 24 + 9, 8, 8]  # in summer, in winter (a Tuesday), and as they stand
    assert hours_of(np.array([SECONDS]), "America/New_York")[0].tolist() == [4]
    assert hours_of(["2026-06-07T23:59"])[0].tolist() == [167]


def test_what_is_missing_has_neither_hour_nor_day() -> None:
    for times in ([None, "", float("nan"), MONDAY], np.array([np.nan, np.nan, np.nan, SECONDS])):
        hour, day = hours_of(times)
        assert (hour.tolist(), day.tolist()) == ([-1, -1, -1, 8], [-1, -1, -1, 20605])
    assert hours_of(np.array(["NaT", "2026-06-01T08:30"], dtype="datetime64[s]"))[0].tolist() == [-1, 8]


@pytest.mark.parametrize(
    ("times", "zone", "said"),
    [
        (["yesterday"], "UTC", "row 1: 'yesterday' is no time; expected ISO 8601"),
        ([MONDAY, True], "UTC", "row 2: True is no time"),
        ([dt.date(2026, 6, 1)], "UTC", "is no time"),
        ([7, 23], "UTC", "the largest is 23; expected seconds or milliseconds since 1970"),
        (np.array([1e30]), "UTC", "1e[+]21 seconds since 1970 are no time"),
        ([MONDAY], "Middle/Earth", "'Middle/Earth' is no time zone"),
    ],
)
def test_what_is_no_time_is_refused(times: Any, zone: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        hours_of(times, zone)


def known(per_hour: int, days: int) -> tuple[list[int], Reference]:
    """The rows of each group of a reference that has as many rows at 9 o'clock of each of so many days."""
    of_day = np.repeat(np.arange(days), -(-per_hour // days))
    times = np.datetime64("2026-06-01T09:10", "s") + of_day * np.timedelta64(86_400, "s")
    made = Reference.from_data({"x": of_day * 1.0}, times=times)
    return [group.rows for group in made.hours], made


def test_an_hour_is_known_from_enough_rows_of_enough_days() -> None:
    assert known(LEAST_ROWS, LEAST_DAYS)[0] == [LEAST_ROWS + LEAST_ROWS % -LEAST_DAYS % LEAST_DAYS]
    assert known(LEAST_ROWS - LEAST_DAYS, LEAST_DAYS)[0] == []
    assert known(LEAST_ROWS, LEAST_DAYS - 1)[0] == []


def test_weekdays_and_weekends_are_told_apart_where_both_have_enough_rows_and_else_what_lacks_has_all() -> (
    None
):
    rows, made = known(LEAST_ROWS_APART * 4, 28)
    assert rows == [286 * 20, 286 * 8]
    assert [group.hours for group in made.hours] == [(9, 33, 57, 81, 105), (129, 153)]
    rows, made = known(LEAST_ROWS_APART * 2, 28)
    assert rows == [143 * 20, 143 * 28]  # the weekend has too few, and takes those of weekdays, too
    assert [group.hours for group in made.hours] == [(9, 33, 57, 81, 105), (129, 153)]
    assert made.hours[0].counts["x"][-1] == 0


def test_a_row_without_a_time_counts_for_all_hours_only() -> None:
    rng = np.random.default_rng(3)
    days = rng.integers(0, 28, 2000)
    times = [None, *(MONDAY + dt.timedelta(days=int(day)) for day in days)]
    made = Reference.from_data({"x": rng.normal(size=2001)}, times=times, model="m")
    assert (made.rows, [group.rows for group in made.hours]) == (2001, [2000])
    assert Reference.from_json(made.to_json()) == made
    with pytest.raises(SchemaError, match="reference: 2000 times of 2001 rows"):
        Reference.from_data({"x": rng.normal(size=2001)}, times=times[1:])
