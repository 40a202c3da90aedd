"""Where to look at what the tour has shown: pages of the dashboard, each with its time."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from driftline_collector.client import Alert
from driftline_schemas.segments import Segment
from rich.console import RenderableType
from rich.text import Text

from examples.digits_fleet.plan import MODEL, WINDOW

#: Around the start of what drifted, in windows: so many before, and while it still lasts.
_BEFORE, _AFTER = 12, 3


def links(dashboard: str, alerts: Sequence[Alert], killed: str) -> list[tuple[str, str]]:
    """What there is to see, and where: each alert, its segment's drift, the killed device, the system."""
    found: list[tuple[str, str]] = []
    for alert in sorted(alerts, key=lambda alert: alert.since):
        where = _where(alert.segment)
        if alert.link:
            found.append((f"what moved on {where}", alert.link))
        found.append((f"what else moved on {where}", f"{dashboard}/drift?{urlencode(_range(alert))}"))
    device = urlencode({"id": killed, "from": "10m"})
    found.append((f"{killed}, which was killed", f"{dashboard}/device?{device}"))
    found.append(("can the numbers be trusted?", f"{dashboard}/system"))
    return found


def _where(segment: str) -> str:
    named = Segment.parse(segment).values
    return ", ".join(value for name, value in named if name != "model") or "every device"


def _range(alert: Alert) -> dict[str, str]:
    named = dict(Segment.parse(alert.segment).values)
    since = datetime.fromisoformat(alert.since)
    times = {
        "from": since - timedelta(seconds=_BEFORE * WINDOW),
        "to": since + timedelta(seconds=_AFTER * WINDOW),
    }
    places = {"version": "version", "type": "device_type", "region": "region"}
    return {
        "model": MODEL,
        **{name: named[key] for name, key in places.items() if key in named},
        **{name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in times.items()},
    }


def shown(found: Sequence[tuple[str, str]]) -> RenderableType:
    """The links for people, an address on a line of its own: nothing breaks it."""
    text = Text("look for yourself\n", "bold")
    for what, address in found:
        text.append(f"  {what}\n", "dim").append(f"    {address}\n", "not bold")
    return text


def open_browser(address: str) -> bool:
    """Open the page where somebody sits before a screen; whether it was tried."""
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stdout.isatty() and webbrowser.open(address)
