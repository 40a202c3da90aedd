"""`driftline simulate` sends like a fleet, and says what became of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from driftline_collector.client import Client
from driftline_collector.simulation.messages import SHARES, reference
from driftline_collector.simulation.plan import MODEL, Plan
from driftline_collector.simulation.run import read_back

from tests.api.serving import serving
from tests.cli.command import driftline, here
from tests.end_to_end.running import wait_until

FLEET = ("--devices", "40", "--minutes", "6", "--speed", "120", "--rate", "2", "--sampled", "0.05")


def test_a_fresh_collector_stores_what_was_acknowledged_once_and_is_measured() -> None:
    done = driftline("simulate", "--fresh", *FLEET, "--kept-days", "10", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    sent, stored = told["sent"], told["stored"]
    assert told["in_order"]
    assert told["lost"] == stored["missing"] == 0
    assert stored["predictions"] == sent["predictions"] > 20_000
    assert sent["acknowledged"] + sent["put_off"] + sent["broken_off"] == sent["requests"]
    # Devices restart, and some crash with predictions that nobody else has heard of.
    assert stored["streams"] > 40
    assert stored["announced_lost"] > 0
    # What is sent twice on purpose is told apart, record for record.
    assert stored["repeated"] == sent["resent"] > 0
    small, medium, large = told["sizes"]
    assert [each["devices"] for each in told["sizes"]] == [1_000, 10_000, 100_000]
    assert small["predictions_per_s"] == pytest.approx(2_000, rel=0.1)
    assert small["samples_per_s"] == pytest.approx(100, rel=0.2)
    assert large["cores"] == pytest.approx(10 * medium["cores"]) != 0
    assert large["disk_bytes_kept"] == pytest.approx(10 * large["disk_bytes_per_day"])


def test_a_running_collector_is_told_from_what_others_sent_to_it(tmp_path: Path) -> None:
    with serving(tmp_path) as collector:
        command = ("simulate", "--url", collector.url, "--devices", "5", "--minutes", "1", "--speed", "60")
        first, second = driftline(*command), driftline(*command, "--json")
        assert first.returncode == second.returncode == 0, first.stderr + second.stderr
        assert "5 devices, 1 minute at speed 60, seed 1: 5 streams" in first.stdout
        assert "Refused: 0." in first.stdout
        assert "cores" not in first.stdout, "the collector's process is not ours to see"
        # The same fleet again is another run, and no repeat of the first.
        told = json.loads(second.stdout)
        assert told["stored"]["repeated"] == told["sent"]["resent"]
        assert told["sizes"] == []
        with Client(collector.url) as client:
            assert [model.model for model in client.models().items] == [MODEL]
            assert read_back(client, "0" * 8).streams == 0


def test_devices_tell_segments_of_their_own(tmp_path: Path) -> None:
    fleet = ("--devices", "54", "--minutes", "1", "--speed", "60", "--sampled", "0.05", "--processes", "1")
    with serving(tmp_path) as collector:
        done = driftline(
            "simulate", "--url", collector.url, *fleet, "--segment", "line=3", "--segment", "shift=2"
        )
        assert done.returncode == 0, done.stderr + done.stdout
        for table in ("stream_windows", "predictions"):
            told = collector.read(
                "SELECT segment['line'] AS line, segment['shift'] AS shift, count(DISTINCT device) AS devices"
                f" FROM {table} GROUP BY ALL ORDER BY ALL"
            )
            assert told == [
                {"line": f"line-{line}", "shift": f"shift-{shift}", "devices": 9}
                for line in (1, 2, 3)
                for shift in (1, 2)
            ]


@pytest.mark.parametrize("told", ["line=three", "line=0"])
def test_a_segment_without_a_number_of_values_is_refused(told: str) -> None:
    done = driftline("simulate", "--devices", "1", "--minutes", "1", "--segment", told)
    assert done.returncode == 2
    assert f"'{told}' is no NAME=VALUES" in done.stderr


def test_a_collector_that_is_not_there_is_named() -> None:
    done = here("simulate", "--url", "http://127.0.0.1:9", "--devices", "1", "--minutes", "1")
    assert done.returncode == 1
    assert "no collector answers at http://127.0.0.1:9" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="ps is asked as on Linux")
def test_who_ends_it_ends_all_that_it_started(tmp_path: Path) -> None:
    command = ["simulate", "--fresh", "--devices", "4", "--minutes", "100"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "driftline_collector", *command], env=environment, start_new_session=True
    )
    wait_until(lambda: len(of_session(process.pid)) >= 4)  # itself, the collector, two that send
    process.terminate()
    assert process.wait(60) == 143
    wait_until(lambda: not of_session(process.pid))
    assert list(tmp_path.iterdir()) == []


def of_session(leader: int) -> list[str]:
    """The processes that a command has started, itself included."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-s", str(leader)], capture_output=True, text=True, check=False
    )
    return [state for state in shown.stdout.split() if not state.startswith("Z")]


def test_the_reference_of_the_simulated_model_is_how_its_devices_count() -> None:
    counts = reference("1").counts["feature_0"]
    assert [count / sum(counts) for count in counts[:-1]] == pytest.approx(SHARES.tolist())


def test_simulated_time_meets_the_clock_at_the_end() -> None:
    plan = Plan(devices=1, minutes=10, speed=5.0, began_ns=10**18)
    end_ns = plan.start_ns + 10 * 60 * 10**9
    assert plan.wall_ns(plan.start_ns) == plan.began_ns
    assert plan.wall_ns(end_ns) == end_ns == plan.began_ns + 2 * 60 * 10**9
