"""The system page tells what is kept, for how long, and for how long there is room."""

from typing import Any

import pytest

from tests.dashboard.conftest import Serve
from tests.dashboard.fake_devices import keeping, kept, serve_devices, system
from tests.dashboard.fake_fleet import Fleet
from tests.dashboard.test_pages import show, text, title


def shown(serve: Serve, told: dict[str, Any]) -> Any:
    collector = serve(Fleet(devices=4))
    serve_devices(collector)
    collector.replaced["/system"] = system(collector.fleet) | {"keeping": told}
    return show("system")


def test_each_kind_has_a_row_with_its_size_age_and_limit(serve: Serve) -> None:
    page = text(shown(serve, keeping()))
    assert "5.61 GB on the disk, where 80.0 GB are free: enough for 120 d at the growth of late." in page
    for row in (
        "samples 3 000 000 300 MB 40.0 MB 1 Aug 00:00 365 d 50.0 GB 34 d",
        "spans 3 000 000 300 MB −4.00 MB 1 Aug 00:00 30 d – –",
        "profiles 3 000 000 300 MB – – ever – –",
    ):
        assert row in page
    assert "Dropped since the database was made: 1 200 rows of spans." in page
    assert "to keep within limits" not in page


def test_what_is_only_in_the_log_yet_has_no_size(serve: Serve) -> None:
    sizes = {"bytes": 0, "archived_bytes": 0, "archived_rows": 0}
    page = text(shown(serve, keeping(kinds=[kept("spans", **sizes), kept("logs", rows=0, **sizes)])))
    assert "spans 1 000 000 – 40.0 MB" in page
    assert "logs 0 0 bytes 40.0 MB" in page


def test_a_limit_for_all_and_what_went_for_it_are_told(serve: Serve) -> None:
    limit = {"most_bytes": 6 * 10**9, "days_until_most": 9.5, "days_left": None}
    gone = [kept("spans", dropped_rows=1_200, evicted_rows=700), kept("profiles", dropped_rows=5)]
    page = text(shown(serve, keeping(**limit, kinds=gone)))
    assert "5.61 GB on the disk, of 6.00 GB at most: the oldest go in 9 d 12 h at the growth of late." in page
    assert "Dropped since the database was made: 1 200 rows of spans, 5 rows of profiles." in page
    assert "Of these in the last day, to keep within limits of size: 700 rows of spans." in page


def test_where_growth_is_not_known_yet_nothing_is_foretold(serve: Serve) -> None:
    page = text(shown(serve, keeping(days_left=None, kinds=[])))
    assert "5.61 GB on the disk, where 80.0 GB are free." in page
    assert "What each kind takes is known a minute after the first start." in page


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("low", "! The disk is nearly full, and given up are spans, logs: 80.0 GB free"),
        ("full", "! The disk is full, and nothing is taken: 80.0 GB free"),
    ],
)
def test_that_room_has_run_out_is_in_the_title_with_what_it_costs(
    serve: Serve, state: str, said: str
) -> None:
    assert title(shown(serve, keeping(state=state))) == said
