"""`driftline drift` says where drift is, and does not call a window without a verdict a good one."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluation import ROWS

from tests.alerts.evaluated import CAMERA_A, FLEET, drifted, row
from tests.api.serving import START, Serving, serving
from tests.cli.command import here
from tests.store.batches import SOURCE


def judge(collector: Serving, evaluation: dict[str, Any]) -> None:
    rows = pa.Table.from_pylist([{**evaluation, "evaluated_ns": 1}], schema=ROWS)
    collector.collector._store.submit({"evaluations": rows}).result()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, f"No drift in the window that ended at 2026-01-01 00:01:00 UTC: {FLEET} is stable."),
        (
            {"verdict": "vanished", "reason": "none of its 2 devices has reported"},
            (
                f"No verdict on {FLEET} in the window that ended at 2026-01-01 00:01:00 UTC: vanished,"
                " none of its 2 devices has reported."
            ),
        ),
    ],
)
def test_a_window_without_a_finding_is_told_with_its_verdict(
    tmp_path: Path, columns: dict[str, object], said: str
) -> None:
    with serving(tmp_path) as collector:
        judge(collector, row(0, FLEET, **columns))
        assert here("drift", "--url", collector.url).stdout.strip() == said


def test_a_segment_is_told_of_with_what_lies_in_it(tmp_path: Path) -> None:
    line, narrower = f"{FLEET},segment.line=A3", f"{CAMERA_A},segment.line=A3"
    with serving(tmp_path) as collector:
        for evaluation in (row(0, FLEET), row(0, CAMERA_A), row(0, line), drifted(0, narrower)):
            judge(collector, evaluation)
        shown = here("drift", "--segments", "--segment", line, "--json", "--url", collector.url).stdout
        assert {each["segment"] for each in json.loads(shown)} == {line, narrower}
        shown = here("drift", "--segment", line, "--json", "--url", collector.url).stdout
        assert [each["segment"] for each in json.loads(shown)] == [narrower]
        calm = here("drift", "--segment", f"{FLEET},segment.line=A1", "--url", collector.url).stdout
        assert "Nothing has been evaluated yet" in calm


def test_findings_are_a_table_and_nothing_evaluated_says_what_is_missing(tmp_path: Path) -> None:
    with serving(tmp_path) as collector:
        assert "Nothing has been evaluated yet" in here("drift", "--url", collector.url).stdout
        judge(collector, drifted(0, CAMERA_A))
        shown = here("drift", "--model", "digits", "--url", collector.url).stdout
        assert "camera-a" in shown
        assert "drifted" not in shown, "of findings that goes without saying"
        shown = here("drift", "--segments", "--url", collector.url).stdout
        assert "drifted" in shown


def test_a_model_that_nobody_knows_is_told_with_those_there_are(tmp_path: Path) -> None:
    with serving(tmp_path) as collector:
        own = {"model": "digits", "stream": "s", "start_ns": START, "end_ns": START + 1, "predictions": 1}
        collector.put("stream_windows", SOURCE | own)
        said = here("drift", "--model", "digit", "--url", collector.url).stdout
        assert "Nothing was sent of 'digit'; there is something of digits." in said
