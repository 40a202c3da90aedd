"""What a person sees while the main job runs: a calm picture of the fleet, and at the end a summary.

It shows what the collector says, beside what really happened to the fleet.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from driftline_schemas.segments import Segment
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.digits_fleet.plan import DEVICE_TYPES, REGIONS
from examples.digits_fleet.receiver import Delivery

_EVENTS_SHOWN = 8
_WEBHOOKS_SHOWN = 6


class View:
    """Keeps what is to be shown; `render` makes the picture."""

    def __init__(self) -> None:
        self.phase = "starting"
        self.made = 0
        self.devices: dict[str, int] = {}  # device type and region, as "type/region" → devices
        self.findings: dict[str, str] = {}  # segment key → since when, as the collector says
        self.counted = 0
        self._events: deque[tuple[str, str]] = deque(maxlen=_EVENTS_SHOWN)
        self._webhooks: deque[Delivery] = deque(maxlen=_WEBHOOKS_SHOWN)
        self._started = time.monotonic()

    def event(self, what: str) -> None:
        self._events.append((time.strftime("%H:%M:%S"), what))

    def delivery(self, delivery: Delivery) -> None:
        self._webhooks.append(delivery)

    def render(self) -> RenderableType:
        return Group(
            self._headline(),
            Panel(
                self._fleet(), title="fleet, as the collector sees it", title_align="left", border_style="dim"
            ),
            Panel(self._log(), title="what really happened", title_align="left", border_style="dim"),
            Panel(self._desk(), title="webhooks, signature verified", title_align="left", border_style="dim"),
        )

    def __rich__(self) -> RenderableType:
        return self.render()

    def _headline(self) -> Text:
        seconds = int(time.monotonic() - self._started)
        return Text.assemble(
            (" driftline ", "bold"),
            (f"  {self.phase}", "bold cyan"),
            (f"   {seconds // 60}:{seconds % 60:02d}", "dim"),
            f"   {self.made:,} predictions made, {self.counted:,} counted by the collector",
        )

    def _fleet(self) -> RenderableType:
        grid = Table(box=None, padding=(0, 3), show_edge=False)
        grid.add_column("")
        for region in REGIONS:
            grid.add_column(region, header_style="dim", justify="left")
        drifted = [Segment.parse(key) for key in self.findings]
        for kind in DEVICE_TYPES:
            grid.add_row(Text(kind, "dim"), *(self._cell(kind, region, drifted) for region in REGIONS))
        return Group(grid, Text(), *self._finding_lines())

    def _cell(self, kind: str, region: str, drifted: list[Segment]) -> Text:
        concerned = any(
            segment["device_type"] in (None, kind) and segment["region"] in (None, region)
            for segment in drifted
        )
        dots = "● " * self.devices.get(f"{kind}/{region}", 0)
        return Text(dots, "yellow" if concerned else "green")

    def _finding_lines(self) -> list[Text]:
        if not self.findings:
            return [Text("no drift", "dim")]
        return [
            Text.assemble(("drifted  ", "yellow"), (key, "bold"), (f"  since {since}", "dim"))
            for key, since in self.findings.items()
        ]

    def _log(self) -> Text:
        lines = Text()
        for clock, what in self._events:
            lines.append(f"{clock}  ", "dim").append(f"{what}\n")
        lines.rstrip()
        return lines

    def _desk(self) -> Text:
        if not self._webhooks:
            return Text("none yet", "dim")
        lines = Text()
        for delivery in self._webhooks:
            style = "green" if delivery.type == "alert.resolved" else "yellow"
            lines.append(time.strftime("%H:%M:%S  ", time.localtime(delivery.received_at)), "dim")
            lines.append(f"{delivery.type:15} ", style).append(f"{delivery.segment}\n", "bold")
            if delivery.summary:
                lines.append(f"          {delivery.summary}\n", "dim")
        lines.rstrip()
        return lines


def summary(report: dict[str, Any], *, settled: bool = True) -> RenderableType:
    """The report as a table for people. Before all is `settled`, some predictions are still on their way."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    found, expected = report["drifted_segments"], report["expected_segments"]
    right = found == expected
    table.add_row("found", Text("\n".join(found) or "nothing", "bold" if right else "bold red"))
    table.add_row("should have found", "\n".join(expected) or "nothing")
    table.add_row("wrong verdicts", str(report["healthy_false_drift"]))
    for alert in report["alerts"]:
        after = "without a cause" if alert["seconds"] is None else f"{alert['seconds']:.1f} s after the cause"
        table.add_row(f"webhook: {alert['state']}", f"{alert['segment']}  ({after})")
    for title, key in (("edge agrees with cloud", "edge_cloud_agreement"), ("edge accuracy", "accuracy")):
        for version, estimate in report[key].items():
            table.add_row(f"{title}, {version}", _interval(estimate))
    rate = report["escalation_rate"]
    table.add_row("escalated", "not known yet" if rate is None else f"{rate:.1%}")
    table.add_row("predictions", _counts(report, settled))
    return Panel(table, title="what was found", title_align="left", border_style="green" if right else "red")


def _interval(estimate: dict[str, Any]) -> str:
    value, lower, upper = (f"{estimate[key]:.1%}" for key in ("value", "lower", "upper"))
    return f"{value}  ({lower} to {upper}, n = {estimate['n']:,.0f})"


def _counts(report: dict[str, Any], settled: bool) -> str:
    made, counted = report["predictions_made"], report["predictions_counted_by_collector"]
    if not settled:
        return f"{made:,} made, {counted:,} counted so far"
    return (
        f"{made:,} made, {counted:,} counted, {report['announced_lost']:,} announced as lost, "
        f"{report['lost']:,} lost without a word, {report['repeated']:,} repeats dropped"
    )
