"""The main job in small: predictions on devices, a finding in the collector, a signed webhook on a desk.

Between the two the collector is killed in the middle of a firing alert and started again.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import driftline
import numpy as np
import pytest

from tests.alerts.desk import SECRET, Desk, desk
from tests.cli.command import here as command
from tests.end_to_end.running import RunningCollector, collector, wait_until

FEATURES = ("brightness", "contrast", "sharpness")
CAMERA_A = "model=digits,version=*,device_type=camera-a,region=*"
CONFIGURATION = """
evaluation: {{window: 1s, lateness: 2s, history: 1h}}
notifiers:
  - {{name: desk, webhook: {{url: "{url}", secret: "{secret}"}}}}
"""


class Fleet:
    """Six devices of two types, each with a monitor of its own; `camera-a` can be spoiled."""

    def __init__(self, url: str, folder: Path) -> None:
        self.rng = np.random.default_rng(11)
        self.made = 0
        self.monitors = [
            driftline.Monitor(
                model="digits",
                version="2.0.0",
                device=driftline.Device(id=f"cam-{i}", type=f"camera-{'ab'[i % 2]}", region="eu"),
                reference=str(folder / "reference.json"),
                endpoint=url,
                window=0.5,
                flush_interval=0.1,
                sample_rate=0.1,
                spool_dir=folder / f"spool-{i}",
            )
            for i in range(6)
        ]

    def work(self, *, spoiled: bool) -> None:
        """A few predictions on each device."""
        for i, monitor in enumerate(self.monitors):
            shift = 1.5 if spoiled and i % 2 == 0 else 0.0
            for values in self.rng.normal(loc=[0.0, shift, 0.0], size=(15, 3)):
                monitor.record(
                    dict(zip(FEATURES, values.tolist(), strict=True)),
                    label=str(self.rng.integers(3)),
                    score=float(self.rng.uniform()),
                )
                self.made += 1
        time.sleep(0.05)

    def work_until(self, receiver: Desk, messages: int, *, spoiled: bool) -> None:
        """Go on until so many messages came, for two minutes at most."""
        deadline = time.monotonic() + 120
        while len(receiver.messages) < messages:
            assert time.monotonic() < deadline, receiver.told
            self.work(spoiled=spoiled)

    def work_until_found(self, running: RunningCollector, segment: str) -> None:
        """Go on, spoiled, until the segment is among the findings, for two minutes at most."""
        deadline = time.monotonic() + 120
        while True:
            found = running.get("/findings", **{"from": "1h"})["items"]
            if segment in {finding["segment"] for finding in found}:
                return
            assert time.monotonic() < deadline, found
            self.work(spoiled=True)

    def close(self) -> None:
        for monitor in self.monitors:
            monitor.close()


@pytest.fixture
def receiver() -> Iterator[Desk]:
    with desk() as running:
        yield running


def prepare(folder: Path, receiver: Desk) -> None:
    """The configuration and the reference."""
    (folder / "driftline.yaml").write_text(CONFIGURATION.format(url=receiver.url, secret=SECRET))
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(20_000, 3))
    driftline.Reference.from_data(
        rows,
        names=FEATURES,
        labels=rng.integers(3, size=20_000).astype(str),
        scores=rng.uniform(size=20_000),
        model="digits",
        version="2.0.0",
    ).save(folder / "reference.json")


def register(running: RunningCollector, folder: Path) -> None:
    done = command("reference", "register", folder / "reference.json", "--url", running.url)
    assert done.returncode == 0, done.stderr


@pytest.mark.alone
def test_a_device_type_that_drifts_rings_once_though_the_collector_is_killed_and_is_resolved_when_mended(
    tmp_path: Path, receiver: Desk
) -> None:
    prepare(tmp_path, receiver)
    with collector(tmp_path) as running:
        register(running, tmp_path)
        fleet = Fleet(running.url, tmp_path)
        for _ in range(40):
            fleet.work(spoiled=False)
        assert receiver.told == []
        fleet.work_until(receiver, 1, spoiled=True)
        assert receiver.told == [("alert.firing", CAMERA_A)]
        # Killed before it is noted, a delivery is repeated under its id: another test's matter.
        wait_until(lambda: running.get("/notifications", state="delivered")["items"])
        running.kill()
        for _ in range(10):
            fleet.work(spoiled=True)  # into the spools: nobody is there
    with collector(tmp_path, port=running.port) as running:
        seen = running.get("/evaluations", measure="drift", limit="1")["items"][0]["window_end"]
        while running.get("/evaluations", measure="drift", limit="1")["items"][0]["window_end"] == seen:
            fleet.work(spoiled=True)
        assert [alert["state"] for alert in running.get("/alerts")["items"]] == ["firing"]
        fleet.work_until(receiver, 2, spoiled=False)
        fleet.close()
        wait_until(lambda: running.get("/coverage")["totals"]["predictions"] == fleet.made)
        totals = running.get("/coverage")["totals"]
        assert running.stop() == 0
    assert receiver.told == [("alert.firing", CAMERA_A), ("alert.resolved", CAMERA_A)]
    assert len({identity for identity, _ in receiver.attempts}) == 2
    firing = receiver.messages[0]["data"]
    assert firing["features"][0]["name"] == "contrast"
    assert firing["lower"] > 0.02
    assert firing["link"].startswith(running.url)
    assert {name: totals[name] for name in ("announced_lost", "missing_logs", "missing_spans")} == {
        "announced_lost": 0,
        "missing_logs": 0,
        "missing_spans": 0,
    }


@pytest.mark.timeout(300)  # it waits for windows of seconds to be judged
def test_the_commands_tell_what_the_collector_knows(tmp_path: Path, receiver: Desk) -> None:
    prepare(tmp_path, receiver)
    with collector(tmp_path) as running:
        where = {"DRIFTLINE_URL": running.url}
        assert "No references yet" in command("reference", "list", environment=where).stdout
        assert "Nothing has been evaluated yet" in command("drift", environment=where).stdout
        assert command("alerts", "list", environment=where).stdout == "No alerts.\n"
        register(running, tmp_path)
        assert command("reference", "list", environment=where).stdout.splitlines()[1].split()[:2] == [
            "digits",
            "2.0.0",
        ]
        fleet = Fleet(running.url, tmp_path)
        fleet.work_until(receiver, 1, spoiled=True)
        # On a busy machine a window may hold too few rows for more than one verdict on the whole fleet.
        fleet.work_until_found(running, CAMERA_A)
        assert CAMERA_A in command("drift", "--from", "1h", environment=where).stdout
        listed = command("alerts", "list", "--state", "firing", environment=where).stdout
        assert listed.splitlines()[1].split()[:3] == ["firing", "warning", "drift"]
        fleet.close()
        tested = command("alerts", "test", environment=where)
        assert (tested.returncode, tested.stdout) == (0, "desk: delivered after 1 attempt(s)\n")
        wait_until(lambda: ("alert.test", "model=test,version=*,device_type=*,region=*") in receiver.told)
