"""Amounts in sentences for people."""


def size(count: float) -> str:
    """Bytes in a unit that can be read."""
    unit = 0
    units = ("bytes", "kB", "MB", "GB", "TB")
    while count >= 999.5 and unit < len(units) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {units[unit]}"


def span(seconds: float) -> str:
    """A time in one unit: 40 s, 12 min, 5 h, 3 days."""
    for limit, length, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"


def many(count: int, what: str) -> str:
    """A number with its noun: `1,204 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
