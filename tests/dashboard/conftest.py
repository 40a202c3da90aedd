"""A fake collector to look at, and pages run by Streamlit's own tester."""

from collections.abc import Callable, Iterator
from pathlib import Path

import driftline_dashboard
import pytest
import streamlit as st
from driftline_dashboard import address, collector

from tests.dashboard.fake_collector import FakeCollector
from tests.dashboard.fake_fleet import Fleet

SCRIPT = Path(driftline_dashboard.__file__).parent / "entry" / "main.py"

Serve = Callable[[Fleet], FakeCollector]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a fleet, and has the dashboard ask there; nothing is remembered from the test before."""
    running: list[FakeCollector] = []

    def start(fleet: Fleet) -> FakeCollector:
        collector = FakeCollector(fleet)
        collector.start()
        running.append(collector)
        address.use(collector.url)
        forget()
        return collector

    yield start
    for each in running:
        each.stop()
    address.use(address.DEFAULT_URL)
    forget()


def forget() -> None:
    """As if nothing had been asked."""
    st.cache_resource.clear()


def expire() -> None:
    """As after some seconds: answers are asked for anew, the last good ones are remembered."""
    for entry in collector._memory()._entries.values():
        entry.until = 0.0
