"""What a person sees while the main job runs: a calm picture of the fleet, and at the end a summary.

It shows what the collector says, beside what really happened to the fleet.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from driftline_schemas.segments import Segment
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.digits_fleet.plan import DEVICE_TYPES, REGIONS
from examples.digits_fleet.receiver import Delivery

_KEPT = 8  # of events and of webhooks; how many are shown depends on the terminal's height
_FRAME_LINES = 17  # headline, fleet and the panels' borders


class View:
    """Keeps what is to be shown, and is what rich prints: a picture that fits the terminal."""

    def __init__(self) -> None:
        self.phase = "starting"
        self.made = 0
        self.devices: dict[str, int] = {}  # device type and region, as "type/region" → devices
        self.findings: dict[str, str] = {}  # segment key → since when, as the collector says
        self.counted = 0
        self._events: deque[tuple[str, str]] = deque(maxlen=_KEPT)
        self._webhooks: deque[Delivery] = deque(maxlen=_KEPT)
        self._started = time.monotonic()

    def event(self, what: str) -> None:
        self._events.append((time.strftime("%H:%M:%S"), what))

    def delivery(self, delivery: Delivery) -> None:
        self._webhooks.append(delivery)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(3, console.size.height - _FRAME_LINES)
        webhooks = min(len(self._webhooks), room // 3)
        yield self._headline()
        yield _panel(self._fleet(), "fleet, as the collector sees it")
        yield _panel(self._log(room - 2 * max(1, webhooks)), "what really happened")
        yield _panel(self._desk(webhooks), "webhooks, signature verified")

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

    def _log(self, lines: int) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for clock, what in list(self._events)[-lines:]:
            text.append(f"{clock}  ", "dim").append(f"{what}\n")
        text.rstrip()
        return text

    def _desk(self, webhooks: int) -> Text:
        if not webhooks:
            return Text("none yet", "dim")
        text = Text(no_wrap=True, overflow="ellipsis")
        for delivery in list(self._webhooks)[-webhooks:]:
            style = "green" if delivery.type == "alert.resolved" else "yellow"
            text.append(time.strftime("%H:%M:%S  ", time.localtime(delivery.received_at)), "dim")
            text.append(f"{delivery.type:15} ", style).append(f"{delivery.segment}\n", "bold")
            text.append(f"          {delivery.summary}\n", "dim")
        text.rstrip()
        return text


def _panel(content: RenderableType, title: str, style: str = "dim") -> Panel:
    return Panel(content, title=title, title_align="left", border_style=style)


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
        table.add_row(f"webhook: {alert['state']}", f"{alert['segment']}  ({after}; since {alert['since']})")
    for title, key in (("edge agrees with cloud", "edge_cloud_agreement"), ("edge accuracy", "accuracy")):
        for version, estimate in report[key].items():
            table.add_row(f"{title}, {version}", _interval(estimate))
    rate = report["escalation_rate"]
    table.add_row("escalated", "not known yet" if rate is None else f"{rate:.1%}")
    table.add_row("predictions", _counts(report, settled))
    return _panel(table, "what was found", "green" if right else "red")


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
