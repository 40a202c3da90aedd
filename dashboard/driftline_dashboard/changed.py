"""What changed where something moved: how, since when, whose shift, and which devices make most of it."""

from collections.abc import Sequence
from datetime import datetime

from driftline_collector.client import Attribution, MovedFeature, Onset, WhatChanged
from driftline_schemas.segments import USER_PREFIX

from driftline_dashboard import layout, words

_CAUSES = {
    "population": "Shared by {what}: which points to what they see, rather than to the devices",
    "device": "Only on {what}: which points to the devices, rather than to what they see",
    "release": "Together with {what}: only where that is, and since then",
    "segment": "Only in {what}: which points to what is particular there",
}
_FEATURES = 4


def card(changed: WhatChanged, features: Sequence[MovedFeature], today: datetime | None) -> None:
    """Sentences, and the devices by their share of the shift."""
    layout.section("What changed", f"Told by {words.feature(changed.feature)}, which moved most.")
    for sentence in sentences(changed, features, today):
        layout.note(sentence)
    if changed.contributors:
        layout.table(
            ("Device", "Share of the shift", "Predictions"),
            [(each.device, words.share(each.share), words.count(each.n)) for each in changed.contributors],
            numbers=(1, 2),
            says=f"The devices that make most of the shift of {words.feature(changed.feature)}",
        )


def sentences(changed: WhatChanged, features: Sequence[MovedFeature], today: datetime | None) -> list[str]:
    """How it moved, since when, and whose shift it is."""
    found = [_how(features)] if any(feature.direction for feature in features) else []
    if changed.onset is not None:
        found.append(began(changed.onset, today))
    return [*found, whose(changed.attribution)]


def _how(features: Sequence[MovedFeature]) -> str:
    told = [f"{words.feature(f.name)} {f.direction}" for f in features if f.direction]
    more = f" and {words.counted(len(told) - _FEATURES, 'more feature')}" if told[_FEATURES:] else ""
    return f"Now: {', '.join(told[:_FEATURES])}{more}."


def began(onset: Onset, today: datetime | None) -> str:
    """`Began about 14:05 UTC (13:55–14:20, 95 %).`"""
    at, earliest, latest = (words.parse_time(time) for time in (onset.at, onset.earliest, onset.latest))
    known = words.clock(words.parse_time(onset.known_from), today=today)
    if at is None:
        return f"Was there at or before {known} UTC, the first window it was compared in."
    if earliest is None:
        until = words.clock(latest, today=today)
        return f"Began about {words.clock(at, today=today)} UTC, surely by {until}; maybe before {known}."
    between = words.stretch(earliest, latest, today=today)
    return f"Began about {words.clock(at, today=today)} UTC ({between}, 95 %)."


def whose(found: Attribution) -> str:
    """The cause as far as it is known, and the reasons."""
    reasons = "; ".join(found.reasons)
    if found.what is None:
        return f"Whose shift it is, is unclear: {reasons}."
    what = found.what.replace("deployment=", "").replace("device_type=", "device type ").replace("=", " ")
    what = what.replace(USER_PREFIX, "")
    return f"{_CAUSES[found.cause].format(what=what)} ({reasons})."
