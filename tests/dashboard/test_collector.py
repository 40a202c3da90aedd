"""The collector is asked once, its last good answer is kept, and it is never the reason for an exception."""

from typing import Any

import pytest
from driftline_collector.client import Client, ClientError
from driftline_dashboard import address, collector

from tests.dashboard.conftest import Serve, expire
from tests.dashboard.fake_fleet import FEATURES, Fleet, key

ASKED: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("models", (), {}),
    ("overview", (), {"model": "digits", "start": "24h"}),
    ("alerts", (), {}),
    ("alert", ("a00000",), {}),
    ("heatmap", (), {"model": "digits", "limit": 1000}),
    ("series", (key("camera-b"), "drift"), {"feature": FEATURES[0], "start": "24h"}),
    ("distribution", (key("camera-b"), FEATURES[0]), {}),
    ("performance", (key(),), {"start": "24h"}),
)


@pytest.mark.parametrize(("method", "named", "filters"), ASKED)
@pytest.mark.parametrize("fleet", [Fleet(), Fleet(devices=4, reference=False, labels=False)])
def test_the_fake_collector_answers_in_the_shapes_of_the_real_client(
    serve: Serve, fleet: Fleet, method: str, named: tuple[str, ...], filters: dict[str, str]
) -> None:
    with Client(serve(fleet).url) as client:
        assert getattr(client, method)(*named, **filters)


def test_what_was_just_asked_is_not_asked_again(serve: Serve) -> None:
    fake = serve(Fleet())
    for _ in range(3):
        assert collector.overview("digits").value
    collector.overview("letters")
    assert fake.asked == ["/overview", "/overview"]


def test_what_was_asked_ahead_is_not_asked_again(serve: Serve) -> None:
    fake = serve(Fleet())
    collector.overview_ahead("digits")
    assert collector.overview("digits").value
    assert fake.asked == ["/overview"]


def test_a_failure_is_remembered_for_as_long_as_an_answer(serve: Serve) -> None:
    fake = serve(Fleet())
    fake.status["/overview"] = 503
    for _ in range(3):
        assert collector.overview("digits").problem
    assert fake.asked == ["/overview"]


def test_the_last_good_answer_comes_along_with_what_went_wrong(serve: Serve) -> None:
    fake = serve(Fleet())
    good = collector.overview("digits")
    fake.status["/overview"] = 503
    expire()
    stale = collector.overview("digits")
    assert (stale.value, stale.at) == (good.value, good.at)
    assert stale.problem == collector.Problem("failed", "The store is busy; ask again in a moment.")
    fake.stop()
    expire()
    gone = collector.overview("digits")
    assert gone.value == good.value
    assert gone.problem is not None
    assert gone.problem.kind == "unreachable"


def test_what_is_no_longer_there_is_not_shown_from_memory(serve: Serve) -> None:
    fake = serve(Fleet())
    assert collector.alert("a00000").value
    fake.status["/alerts/"] = 404
    expire()
    answer = collector.alert("a00000")
    assert answer.value is None
    assert answer.problem is not None
    assert answer.problem.kind == "not_found"


def test_another_collector_has_other_answers(serve: Serve) -> None:
    serve(Fleet(devices=4))
    first = collector.overview("digits").value
    second_fleet = serve(Fleet(devices=2000))
    address.use(second_fleet.url)
    second = collector.overview("digits").value
    assert first is not None
    assert second is not None
    assert (first.devices_expected, second.devices_expected) == (4, 2000)


def test_the_client_is_told_of_a_filter_by_its_name(serve: Serve) -> None:
    url = serve(Fleet()).url
    found = collector.heatmap(model="digits", device_type="camera-b", limit=1000).value
    assert found is not None
    assert len(found.segments) == 3
    with Client(url) as client, pytest.raises(ClientError):
        client.alert("zz")
