"""Table of the system page: what is kept of each kind of data, for how long, and how long room lasts."""

from driftline_collector.client import Keeping, KindKept, System

from driftline_dashboard import layout, words

_DAY_S = 86_400.0


def kinds(found: System) -> None:
    """What each kind takes, how fast it grows, and when it is too much."""
    keeping = found.keeping
    if keeping is None:
        if found.retention:
            layout.section("Kept", f"{found.retention[:1].upper()}{found.retention[1:]}.")
        return
    layout.section("Kept", room(keeping))
    if not keeping.kinds:
        layout.note("What each kind takes is known a minute after the first start.")
        return
    now = words.parse_time(found.as_of)
    layout.table(
        ("Kind", "Rows", "Size", "Grows a day", "Since (UTC)", "Kept for", "Limit", "Reached in"),
        [
            (
                each.kind,
                words.count(each.rows + each.archived_rows),
                _size(each),
                words.size(each.bytes_a_day),
                words.NO_NUMBER
                if each.oldest is None
                else words.clock(words.parse_time(each.oldest), today=now),
                "ever" if each.kept_days is None else _days(each.kept_days),
                words.size(each.most_bytes),
                _days(each.days_left),
            )
            for each in keeping.kinds
        ],
        numbers=(1, 2, 3, 6, 7),
        says="Rows and bytes by kind of data, how long each is kept, and when it takes as much as it may",
    )
    for line in dropped(keeping.kinds):
        layout.note(line)


def _size(kind: KindKept) -> str:
    """What was not merged from the log into the database yet has no size of its own."""
    return words.size(kind.bytes + kind.archived_bytes or (None if kind.rows else 0))


def room(keeping: Keeping) -> str:
    """`5.61 MB on the disk, where 80.0 GB are free: enough for 34 d at the growth of late.`"""
    taken = f"{words.size(keeping.bytes)} on the disk"
    if keeping.most_bytes is not None:
        taken += f", of {words.size(keeping.most_bytes)} at most"
    if keeping.days_until_most is not None and keeping.days_left is None:
        return f"{taken}: the oldest go in {_days(keeping.days_until_most)} at the growth of late."
    free = f"{taken}, where {words.size(keeping.free)} are free"
    if keeping.days_left is None:
        return f"{free}."
    return f"{free}: enough for {_days(keeping.days_left)} at the growth of late."


def dropped(kinds: tuple[KindKept, ...]) -> list[str]:
    """What is gone for good, and of that what went before its time."""
    gone = [
        f"{words.counted(each.dropped_rows, 'row')} of {each.kind}" for each in kinds if each.dropped_rows
    ]
    early = [
        f"{words.counted(each.evicted_rows, 'row')} of {each.kind}" for each in kinds if each.evicted_rows
    ]
    lines = [f"Dropped since the database was made: {', '.join(gone)}."] if gone else []
    if early:
        lines.append(f"Of these in the last day, to keep within limits of size: {', '.join(early)}.")
    return lines


def _days(days: float | None) -> str:
    return words.NO_NUMBER if days is None else words.duration(days * _DAY_S)
