"""What changed, in sentences."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from driftline_collector.client import Attribution, MovedFeature, Onset, WhatChanged
from driftline_dashboard import changed

TODAY = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
ONSET = Onset(
    at="2026-11-21T14:05:00Z",
    earliest="2026-11-21T13:55:00Z",
    latest="2026-11-21T14:20:00Z",
    known_from="2026-11-20T14:00:00Z",
)
FEATURES = [
    MovedFeature(name="sharpness", direction="lower"),
    MovedFeature(name="contrast", direction="wider"),
]


def found(cause: str, what: str | None) -> WhatChanged:
    return WhatChanged(
        feature="sharpness",
        onset=ONSET,
        attribution=Attribution(cause=cause, what=what, reasons=("6 of 6 devices shifted",)),
        contributors=(),
        deployments=(),
    )


def test_it_says_how_since_when_and_whose() -> None:
    told = changed.sentences(found("device", "device_type=camera-b"), FEATURES, TODAY)
    lies = "Only on device type camera-b: which points to the devices, rather than to what they see"
    assert told == [
        "Now: sharpness lower, contrast wider.",
        "Began about 14:05 UTC (13:55–14:20, 95 %).",
        f"{lies} (6 of 6 devices shifted).",
    ]


@pytest.mark.parametrize(
    ("cause", "what", "begins"),
    [
        ("population", "region=eu", "Shared by region eu"),
        ("segment", "segment.line=A3", "Only in line A3"),
        ("release", "deployment=model 1 → 2", "Together with model 1 → 2"),
        ("unclear", None, "Whose shift it is, is unclear"),
    ],
)
def test_each_cause_has_its_sentence(cause: str, what: str | None, begins: str) -> None:
    assert changed.sentences(found(cause, what), [], TODAY)[-1].startswith(begins)


def test_what_may_have_been_there_before_is_told_so() -> None:
    before = replace(ONSET, at=None, earliest=None)
    assert changed.began(before, TODAY).startswith("Was there at or before 20 Nov 14:00 UTC")
    perhaps = replace(ONSET, earliest=None)
    assert "maybe before" in changed.began(perhaps, TODAY)
