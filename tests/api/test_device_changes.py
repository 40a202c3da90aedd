"""What operators say of devices, over HTTP and by the command."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from driftline_collector.client import ClientError

from tests.api.seeded import Seeded, seeded
from tests.api.serving import Serving, profile
from tests.cli.command import here
from tests.seeding import SMALL

WHO = {"author": "anna", "reason": "the line was taken down"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Six devices, of which the last two are silent. Each test has its own of them."""
    fleet = replace(SMALL, devices=6, silent=2, samples=0, old_alerts=0, hours=6)
    with seeded(tmp_path_factory.mktemp("fleet") / "api.duckdb", fleet) as running:
        yield running


def test_a_retired_device_is_silent_no_more_until_it_returns(fleet: Seeded) -> None:
    assert fleet.client.device("cam-0005").device.state == "silent"
    before = fleet.client.overview()
    said = fleet.client.retire("cam-0005", **WHO, since="1h")
    assert (said.kind, said.since, said.reason) == ("retire", "2026-11-21T08:41:20.000Z", WHO["reason"])
    device = fleet.client.device("cam-0005").device
    assert (device.state, device.retired) == ("retired", said.since)
    overview = fleet.client.overview()
    assert overview.silent_devices == before.silent_devices - 1
    assert overview.devices_expected == before.devices_expected - 1
    assert [d.device for d in fleet.client.devices(["retired"])] == ["cam-0005"]
    with pytest.raises(ClientError, match="retired already; there is nothing to do") as caught:
        fleet.client.retire("cam-0005", **WHO)
    assert caught.value.status == 409
    fleet.client.return_device("cam-0005", **WHO)
    assert fleet.client.device("cam-0005").device.state == "silent"
    with pytest.raises(ClientError, match="is not retired"):
        fleet.client.return_device("cam-0005", **WHO)


def test_a_renamed_device_is_found_under_its_new_name_and_its_old_one_says_so(fleet: Seeded) -> None:
    before = fleet.client.device("cam-0001")
    fleet.client.rename("cam-0001", "hall/3 cam", **WHO)
    after = fleet.client.device("hall/3 cam")
    assert after.device == replace(before.device, device="hall/3 cam")
    assert after.streams == before.streams
    series = fleet.client.device_series("hall/3 cam", start="12h")
    assert any(point.effect is not None for point in series.points)
    with pytest.raises(ClientError, match="'cam-0001' is called 'hall/3 cam' now; ask for that") as caught:
        fleet.client.device("cam-0001")
    assert caught.value.status == 404
    with pytest.raises(ClientError, match="they are two devices; give another name") as caught:
        fleet.client.rename("hall/3 cam", "cam-0000", **WHO)
    assert caught.value.status == 409
    assert {(c.before, c.after) for c in fleet.client.device_changes("cam-0001")} == {
        ("cam-0001", "hall/3 cam")
    }


def test_a_device_that_took_over_the_new_name_itself_is_one_with_its_past(fleet: Seeded) -> None:
    start = fleet.fleet.reported_ns
    schema = fleet.store._read("SELECT * FROM profiles LIMIT 0").schema
    columns: dict[str, Any] = {
        "model": fleet.fleet.model_name,
        "device": "hall-3",
        "kind": "predictions",
        "stream": "n",
    }
    row = profile("__label__", **columns | {"start_ns": start, "end_ns": start + 1, "counts": [5]})
    table = type(schema.empty_table()).from_pylist([row], schema=schema)
    fleet.store.submit({"profiles": table.drop_columns(["received_ns"])}).result()
    made = fleet.client.device("cam-0004").device.predictions
    fleet.client.rename("cam-0004", "hall-3", **WHO)
    assert sum(version.predictions for version in fleet.client.device("hall-3").versions) == made + 5


def test_a_move_is_for_what_is_measured_from_then_on(fleet: Seeded) -> None:
    (said,) = fleet.client.move("cam-0000", **WHO, region="mars", device_type="camera-a")
    assert (said.dimension, said.before, said.after) == ("region", "eu-west", "mars")
    with pytest.raises(ClientError, match="is there already"):
        fleet.client.move("cam-0000", **WHO, region="eu-west")
    with pytest.raises(ClientError, match="what was judged stays where it was judged"):
        fleet.client.move("cam-0000", **WHO, region="moon", since="2h")
    with pytest.raises(ClientError, match="give one of both, or both"):
        fleet.client.move("cam-0000", **WHO)


def test_of_a_device_that_never_was_nothing_can_be_said(fleet: Seeded) -> None:
    for kind, body in (("retire", {}), ("return", {}), ("rename", {"name": "x"}), ("move", {"region": "x"})):
        answer = fleet.http.post(f"/devices/cam-9999/{kind}", json=WHO | body)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert "no device 'cam-9999' has ever reported" in answer.json()["detail"]
        nobody = fleet.http.post(f"/devices/cam-0000/{kind}", json={"author": " ", "reason": "x"} | body)
        assert nobody.status_code == 422
    assert fleet.client.device_changes("cam-9999").items == ()


def test_the_command_says_what_was_done_and_by_whom(collector: Serving) -> None:
    collector.put("profiles", profile("__label__", kind="predictions"))

    def run(*words: str) -> str:
        done = here("devices", *words, "--url", collector.url)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    by = ("--by", "anna", "--reason", "sold")
    assert run("rename", "cam-1", "hall-3", *by) == "cam-1 is called hall-3.\n"
    assert run("retire", "hall-3", *by, "--since", "2026-02-01T00:00:00Z") == (
        "hall-3 is retired since 2026-02-01 00:00:00 UTC.\n"
    )
    assert "retired since 2026-02-01 00:00:00" in run("list", "--from", "2026-01-01T00:00:00Z")
    (moved,) = json.loads(run("move", "hall-3", "--region", "us", *by, "--json"))
    assert (moved["before"], moved["after"], moved["author"]) == ("eu", "us", "anna")
    told = run("changes", "cam-1")
    assert "hall-3 has the region us (it was eu) from" in told
    assert "cam-1 is called hall-3" in told
    silent = here("devices", "retire", "hall-3", "--url", collector.url)
    assert (silent.returncode, "say why, for those who wonder" in silent.stderr) == (2, True)
    again = here("devices", "retire", "hall-3", *by, "--url", collector.url)
    assert (again.returncode, again.stderr) == (
        1,
        "driftline: device 'hall-3' is retired already; there is nothing to do\n",
    )
