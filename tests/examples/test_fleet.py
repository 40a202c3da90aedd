"""The main job from end to end: real processes, a real socket, a real database, real images."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CAMERA = "model=digits,version=*,device_type=camera-b,region=*"
MISTAKE = "model=digits,version=2.1.0,device_type=*,region=*"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("fleet")
    command = [sys.executable, "-m", "examples.digits_fleet", "--headless", "--json", "--folder", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=230)
        except subprocess.TimeoutExpired:
            process.terminate()  # and not kill: it has processes of its own to end
            stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


@pytest.fixture(scope="module")
def report(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    lines = run.stdout.splitlines()
    assert lines, run.stderr
    document: dict[str, Any] = json.loads(lines[-1])
    return document


pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


def test_the_fleet_ends_well_and_in_time(
    run: subprocess.CompletedProcess[str], report: dict[str, Any]
) -> None:
    assert run.returncode == 0, run.stderr
    assert report["shortcomings"] == []
    assert "Traceback" not in run.stderr


def test_just_the_two_segments_with_a_cause_are_found(report: dict[str, Any]) -> None:
    assert report["drifted_segments"] == report["expected_segments"] == sorted([CAMERA, MISTAKE])
    assert report["healthy_false_drift"] == 0


def test_both_fire_and_the_mended_camera_is_resolved_after_its_cause(report: dict[str, Any]) -> None:
    seconds = {(alert["state"], alert["segment"]): alert["seconds"] for alert in report["alerts"]}
    assert set(seconds) == {("firing", CAMERA), ("firing", MISTAKE), ("resolved", CAMERA)}
    assert all(value > 0 for value in seconds.values())


def test_every_prediction_is_counted_or_announced_as_lost(report: dict[str, Any]) -> None:
    made = report["predictions_made"]
    assert made > 50_000
    counted = report["predictions_counted_by_collector"] + report["announced_lost"]
    assert made <= counted <= made + report["in_doubt"]


def test_agreement_and_accuracy_are_told_for_each_version_with_intervals_that_hold(
    report: dict[str, Any],
) -> None:
    for key in ("edge_cloud_agreement", "accuracy"):
        assert set(report[key]) == {"1.9.0", "2.0.0", "2.1.0"}
        for estimate in report[key].values():
            assert 0 <= estimate["lower"] <= estimate["value"] <= estimate["upper"] <= 1
            assert estimate["n"] > 100
    assert report["accuracy"]["2.1.0"]["upper"] < report["accuracy"]["2.0.0"]["lower"]
    assert 0.05 < report["escalation_rate"] < 0.6
