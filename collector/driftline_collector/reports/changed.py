"""What changed, where the collector has looked into a finding: since when, whose shift, what is near."""

from collections.abc import Mapping
from html import escape
from typing import Any

from driftline_collector.reports import tables, words

_CAUSES = {
    "population": "what the devices see",
    "device": "the devices",
    "release": "a release",
    "segment": "a segment",
    "unclear": "unclear",
}


def changed(said: Any) -> str:
    """The section of a report; nothing where `said`, a finding's `details.changed`, is not there."""
    if not isinstance(said, Mapping):
        return ""
    parts = ["<h2>What changed</h2>"]
    if said.get("onset"):
        parts.append(f"<p>{escape(_onset(said['feature'], said['onset']))}</p>")
    if cause := said.get("attribution"):
        what = f", {cause['what']}" if cause.get("what") else ""
        lies = escape(f"{_CAUSES.get(cause['cause'], cause['cause'])}{what}")
        reasons = "".join(f"<li>{escape(str(reason))}</li>" for reason in cause.get("reasons", ()))
        parts.append(f"<p>Where it lies: <b>{lies}</b></p><ul>{reasons}</ul>")
    if nearby := said.get("deployments"):
        rows = [
            (
                words.at(one["first_ns"]),
                one["kind"],
                f"{one['before'] or words.UNKNOWN} → {one['after'] or words.UNKNOWN}",
                words.count(one["devices"]),
            )
            for one in nearby
        ]
        parts.append("<h3>Deployed nearby, which is not yet a cause</h3>")
        parts.append(tables.table(("first at", "what", "change", "devices"), rows, numbers=(3,)))
    if most := said.get("contributors"):
        devices = [(one["device"], words.share(one["share"]), words.count(one["n"])) for one in most]
        parts.append("<h3>Devices that make most of the shift</h3>")
        parts.append(tables.table(("device", "share of the shift", "predictions"), devices, numbers=(1, 2)))
    return "\n".join(parts)


def _onset(feature: str, began: Mapping[str, Any]) -> str:
    name = words.feature(feature)
    if began["at_ns"] is None:
        about = "at or before the first window that was compared"
    else:
        about = words.at(began["at_ns"])
    early = began["earliest_ns"]
    least = f"before {words.at(began['first_ns'])}" if early is None else words.at(early)
    return f"{name} began to move {about} (95%: {least} to {words.at(began['latest_ns'])})."
