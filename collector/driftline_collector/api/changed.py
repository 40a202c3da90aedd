"""What changed, as the analysis has put it into the details of a finding."""

from collections.abc import Mapping
from typing import Any

from driftline_collector.answers.changed import Attribution, Contributor, Onset, WhatChanged
from driftline_collector.answers.records import Change
from driftline_collector.api.values import moment, write_time
from driftline_collector.api.verdicts import details


def what_changed(row: Mapping[str, Any] | None) -> WhatChanged | None:
    """Of a row of the store about a segment as a whole; None where it is no finding that was looked into."""
    said = details(row).get("changed")
    if not isinstance(said, dict):
        return None
    onset, cause = said.get("onset"), said["attribution"]
    return WhatChanged(
        feature=said["feature"],
        onset=None if onset is None else _onset(onset),
        attribution=Attribution(cause=cause["cause"], what=cause["what"], reasons=tuple(cause["reasons"])),
        contributors=tuple(Contributor(**each) for each in said["contributors"]),
        deployments=tuple(
            Change(
                time=moment(each["first_ns"]),
                kind=each["kind"],
                before=each["before"],
                after=each["after"],
                devices=each["devices"],
            )
            for each in said["deployments"]
        ),
    )


def _onset(said: Mapping[str, Any]) -> Onset:
    return Onset(
        at=write_time(said["at_ns"]),
        earliest=write_time(said["earliest_ns"]),
        latest=moment(said["latest_ns"]),
        known_from=moment(said["first_ns"]),
    )
