import logging
import time

import pytest
from driftline_collector.store.seldom import EVERY_S, Seldom


def test_what_fails_often_is_told_at_once_and_then_once_for_many(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tell = Seldom(logging.getLogger("driftline_collector.test"), "%s is full")
    tell("the disk")
    for _ in range(20):
        tell("the disk")
    assert caplog.messages == ["the disk is full"]
    now += EVERY_S
    tell("the disk")
    assert caplog.messages == ["the disk is full", "the disk is full (21 times)"]
