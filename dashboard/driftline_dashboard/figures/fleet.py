"""Devices by what they have in common: how many of each kind, and how many of them need a look."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
from driftline_collector.client import Device

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK

_ROW = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Devices of one type with one firmware."""

    device_type: str
    firmware: str | None
    devices: int
    moved: int
    silent: int

    @property
    def name(self) -> str:
        """`camera-b · 4.2.0`."""
        return f"{self.device_type} · {self.firmware or 'firmware not told'}"

    def text(self) -> str:
        """`218 of 330 moved, 2 silent`, or how many there are."""
        total, silent = words.count(self.devices), words.count(self.silent)
        if self.moved:
            text = f"{words.count(self.moved)} of {total} moved"
            return f"{text}, {silent} silent" if self.silent else text
        return f"{silent} of {total} silent" if self.silent else total

    def label(self) -> str:
        """The same, as short as the end of a bar needs it."""
        return f"▲ {words.count(self.moved)} of {words.count(self.devices)}" if self.moved else self.text()


def groups(devices: Sequence[Device]) -> list[Group]:
    """Devices by type and firmware, the most moved first, then the largest."""
    total: Counter[tuple[str, str | None]] = Counter()
    moved: Counter[tuple[str, str | None]] = Counter()
    silent: Counter[tuple[str, str | None]] = Counter()
    for device in devices:
        key = (device.device_type, device.firmware)
        total[key] += 1
        moved[key] += device.state == "moved"
        silent[key] += device.state == "silent"
    found = [
        Group(device_type=key[0], firmware=key[1], devices=count, moved=moved[key], silent=silent[key])
        for key, count in total.items()
    ]
    return sorted(found, key=lambda group: (-group.moved, -group.silent, -group.devices, group.name))


def fleet(found: Sequence[Group]) -> alt.LayerChart:
    """A bar for each group: what moved filled strongly and told by ▲, the rest pale."""
    names = [group.name for group in found]
    values = []
    for group in found:
        shared = {
            "name": group.name,
            "says": group.text(),
            "label": group.label(),
            "all": words.counted(group.devices, "device"),
        }
        values.append(shared | {"from": 0, "to": group.moved, "kind": "moved"})
        values.append(shared | {"from": group.moved, "to": group.devices, "kind": "rest"})
    most = max((group.devices for group in found), default=1)
    # Room for what is written at the end of the longest bar.
    scale = alt.Scale(domain=[0, most * 1.6], nice=False)
    base = parts.charted(values).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=parts.names_axis(orient="left")),
        tooltip=[
            alt.Tooltip("name:N", title="Type · firmware"),
            alt.Tooltip("says:N", title="State"),
            alt.Tooltip("all:N", title="In all"),
        ],
    )
    across = alt.X("from:Q", title=None, scale=scale, axis=None)
    bars = [
        base.transform_filter(f"datum.kind == '{kind}' && datum.to > datum.from")
        .mark_bar(color=colour, opacity=opacity, height=_ROW - 9)
        .encode(x=across, x2="to:Q")
        for kind, colour, opacity in (("moved", INK.over, 1.0), ("rest", INK.line, 0.45))
    ]
    label = (
        base.transform_filter("datum.kind == 'rest'")
        .mark_text(align="left", dx=5, fontSize=11, color=INK.text)
        .encode(x=alt.X("to:Q", scale=scale, axis=None), text="label:N")
    )
    return parts.layered(*bars, label, height=max(1, len(names)) * _ROW)


def says(found: Sequence[Group]) -> str:
    """The finding in a sentence: where the moved devices are."""
    moved = [group for group in found if group.moved]
    total = sum(group.devices for group in found)
    if not moved:
        silent = sum(group.silent for group in found)
        known = f"; {words.count(silent)} silent, of which nothing new is known" if silent else ""
        return f"None of {words.counted(total, 'device')} is known to have moved{known}."
    first = moved[0]
    share = words.share(first.moved / sum(group.moved for group in moved), 0)
    return f"{share} of the moved devices are {first.name}: {first.text()}."
