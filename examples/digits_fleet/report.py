"""The one JSON object at the end: what the collector found, beside what was true."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from driftline_collector.client import VersionEstimate

from examples.digits_fleet.collector_api import CollectorApi, Coverage
from examples.digits_fleet.counters import Counters
from examples.digits_fleet.plan import WINDOW
from examples.digits_fleet.receiver import Delivery
from examples.digits_fleet.scenario import Ledger

_STATES = {"alert.firing": "firing", "alert.resolved": "resolved"}


def wait_until_settled(api: CollectorApi, counters: Counters, stopped_at: float, timeout: float) -> Coverage:
    """Ask, at most ``timeout`` seconds, until the collector has nothing left to do.

    That is: each prediction made is counted or announced as lost, every full window before ``stopped_at``
    (seconds since the epoch) is judged, and no webhook waits. What was found is not looked at.
    """
    deadline = time.monotonic() + timeout
    last_window = stopped_at // WINDOW * WINDOW
    while True:
        coverage = api.coverage()
        counted = coverage.predictions + coverage.announced_lost >= counters.made
        settled = counted and api.judged_until() >= last_window and not api.undelivered()
        if settled or time.monotonic() > deadline:
            return coverage
        time.sleep(0.3)


def make_report(
    api: CollectorApi, ledger: Ledger, counters: Counters, coverage: Coverage, deliveries: Sequence[Delivery]
) -> dict[str, Any]:
    """All figures, flat where they can be; rates in [0, 1], times in seconds."""
    wrong = [v for v in api.drifted_verdicts() if ledger.is_wrong(v.segment, v.start, v.end)]
    performance = api.performance()
    return {
        "healthy_false_drift": len(wrong),
        "drifted_segments": sorted(api.findings()),
        "expected_segments": ledger.expected_segments(),
        "alerts": alerts_of(ledger, deliveries),
        "edge_cloud_agreement": _by_version(performance.agreement),
        "accuracy": _by_version(performance.accuracy),
        "escalation_rate": performance.escalation_rate.value if performance.escalation_rate else None,
        "predictions_made": counters.made,
        "predictions_counted_by_collector": coverage.predictions,
        "announced_lost": coverage.announced_lost,
        "lost": counters.made - coverage.predictions - coverage.announced_lost,
        "in_doubt": counters.in_doubt,
        "repeated": coverage.repeated,
        "records_missing": coverage.missing_records,
        "webhooks_undelivered": api.undelivered(),
    }


def _by_version(estimates: Sequence[VersionEstimate]) -> dict[str, dict[str, Any]]:
    """Version → value, lower, upper, n; a version without an estimate is left out."""
    return {each.version: asdict(each.estimate) for each in estimates if each.estimate}


def alerts_of(ledger: Ledger, deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    """What was delivered: seconds since its cause (None: nothing caused it), and since when, as it says."""
    caused_at = {(alert.state, alert.segment): alert.caused_at for alert in ledger.expected_alerts()}
    alerts = []
    for delivery in deliveries:
        if state := _STATES.get(delivery.type):
            cause = caused_at.get((state, delivery.segment))
            seconds = None if cause is None else round(delivery.received_at - cause, 1)
            since = delivery.payload["data"].get("since")
            alerts.append({"state": state, "segment": delivery.segment, "seconds": seconds, "since": since})
    return alerts


def shortcomings(
    report: dict[str, Any], ledger: Ledger, *, refused: int, unclean: Sequence[str]
) -> list[str]:
    """Everything that keeps this run from being a success, in words; empty when it is one."""
    checks: list[tuple[Callable[[], bool], str]] = [
        (lambda: report["healthy_false_drift"] == 0, "segments without a cause were called drifted"),
        (lambda: report["drifted_segments"] == report["expected_segments"], "found is not what was caused"),
        # A device that was killed between the two counts of one prediction leaves one in doubt.
        (
            lambda: -report["in_doubt"] <= report["lost"] <= 0,
            "predictions were lost without a word, or made up",
        ),
        (lambda: report["records_missing"] == 0, "samples or spans were lost without a word"),
        (lambda: report["webhooks_undelivered"] == 0, "webhooks were not delivered"),
        (lambda: refused == 0, "webhooks came whose signature did not hold"),
    ]
    found = [message for holds, message in checks if not holds()]
    delivered = {(alert["state"], alert["segment"]) for alert in report["alerts"]}
    expected = {(alert.state, alert.segment) for alert in ledger.expected_alerts()}
    found += [f"no webhook: {state} for {segment}" for state, segment in sorted(expected - delivered)]
    return [*found, *unclean]
